"""Manual annotations of the photos of `photo_sets`: who they show, and which labels are wrong.

The numbers are those of the files: 24 is `SET/0024.jpg`.
"""

# One home, person or background each; a photo in none of them belongs to the rest of its set.
GROUPS = {
    "gesture_homes/books": "21-24 101-124 652-658",
    "gesture_homes/pink_sleeve": "25 125-135 659-661",
    "gesture_homes/dark_wood": "26-30 136-160 662-666",
    "gesture_homes/leaves": "31-35 161-193 667-682",
    "gesture_homes/plaid": "36-39 194-209 683",
    "gesture_homes/black_table": "40-43 210-237 684-690",
    "gesture_homes/oriental_carpet": "44-50 238-279 304-306 691-697 706-708",
    "gesture_homes/parlour": "51-52 280-294 301-303 698-701",
    "gesture_homes/black_carpet": "53-55 307-318 709-713",
    "gesture_homes/office": "56 319-327 714-716",
    "gesture_homes/orange_flowers": "57-58 328-349 717-724",
    "gesture_homes/cat": "59-61 350-371 725-735",
    "gesture_homes/purple_flowers": "62 372-378 736",
    "gesture_homes/keyboard": "379-381 737-738",
    "gesture_homes/chairs": "63-71 382-439 739-750",
    "gesture_homes/red_sofa": "72 440-443 751",
    "gesture_homes/stripes": "73-79 444-471 752-756",
    "gesture_homes/blue_curtain": "472-491 757-761",
    "gesture_homes/old_hand": "80 492-502 762-763",
    "gesture_homes/shop": "81 503-519 764-766",
    "gesture_homes/brick_wall": "82-83 523-538 768-774",
    "gesture_homes/gaming_laptop": "520-522 539-550 767 775-778",
    "gesture_homes/purple_wall": "84-86 551-565 779-781",
    "gesture_homes/plush": "87-90 566-585 782-784",
    "gesture_homes/kitchen": "91 586-599 785-790",
    "gesture_homes/wardrobe": "92 600-606 791",
    "gesture_homes/black_curtain": "93-98 607-631 792-798",
    "gesture_homes/tiles": "99-100 632-651 799-805",
    "lab_gestures/man_in_black": (
        "6 9 11 18 22 24 28 32-33 35 40-41 44-45 48 53 55 57 61-62 65 68 72 76-78 83 88 91 99 104 "
        "109-110 112 116 118 123-124 132-133 142 144 150-151 156-157 161 163-164 170-171 176 181 "
        "183 187-188 193 195 198-199 202-203 211-212 222 226-227 229 232 236 238-239 242 245-246 "
        "248 256 264 266 269-270 273 275-276 296 299-300 302-304 307 309 311 313-315 324 326 "
        "329-330 335 339-341 343 346 349 351 353 361 364 367 381 383 385-386 390-392 395 397 "
        "400-401 409 413 418-419 429-433 436 440-441 443-444 449-450 453-454 456 459 461 473-474 "
        "476 482 484-485 489-491 495 502-505 511 519 521 523 527 536 541 543 546 549 551 731-732 "
        "739 742 745 748 756 763 765 897-898 900-901 910-911 916-917 919-920 926 928 931 934"
    ),
    "asl_letters/panelled_door": (
        "21 28 35 42 266 271 291 304 307 317 338 372 375 378 401 406 419 447 450 453 473 477 491 "
        "496 499 507 514 518 523 531 539 546 632 656 659 677 691-692 699-701 710"
    ),
    "asl_letters/measured": "392 630",
    "lab_gestures/measured": "0 90 130 190 290 350 550 640 780 820 850",
}
HELD_OUT = {
    "arms_raised",
    "asl_letters/measured",
    "asl_letters/panelled_door",
    "gesture_homes/black_carpet",
    "gesture_homes/black_curtain",
    "gesture_homes/black_table",
    "gesture_homes/books",
    "gesture_homes/cat",
    "gesture_homes/dark_wood",
    "gesture_homes/kitchen",
    "gesture_homes/leaves",
    "gesture_homes/old_hand",
    "gesture_homes/oriental_carpet",
    "gesture_homes/pink_sleeve",
    "gesture_homes/plaid",
    "gesture_homes/plush",
    "gesture_homes/red_sofa",
    "gesture_homes/shop",
    "gesture_homes/stripes",
    "lab_gestures/man_in_black",
    "lab_gestures/measured",
    "signers",
}
# What was found and shows something else than a hand: NUMBER:INDEX, the index within the photo.
NOT_HANDS = {
    "arms_raised": (
        "24:1 26:1 27:1 31:1 35:1 37:1 38:1 39:1 41:1 87:1 89:1 94:1 95:1 96:1 99:1 100:1 101:1 "
        "175:3 248:2 263:2 294:2 295:1"
    ),
    "counting_one_man": (
        "28:1 117:1 136:1 145:1 209:1 211:1 211:2 235:1 317:2 327:1 330:1 343:1 458:1 494:1 501:1 "
        "522:1"
    ),
    "lab_gestures": (
        "4:0 9:0 21:1 24:0 32:0 33:0 35:0 36:2 37:0 40:1 41:1 42:1 43:0 48:1 53:0 56:0 57:1 59:0 "
        "61:0 61:2 62:0 63:1 65:1 68:1 70:2 72:0 78:0 79:2 84:0 85:0 86:0 86:1 88:0 89:0 89:1 90:1 "
        "92:0 93:0 93:1 94:0 98:0 99:0 100:0 102:0 103:0 106:0 106:1 107:0 107:1 109:0 110:0 113:0 "
        "113:1 114:0 114:1 115:0 116:1 119:2 127:1 128:0 134:0 138:1 140:0 141:2 154:0 158:1 159:0 "
        "159:1 170:0 171:0 173:0 179:0 182:0 187:1 188:0 191:0 195:0 196:0 197:0 200:0 202:0 203:0 "
        "204:1 205:0 208:0 209:1 215:0 218:1 219:0 220:1 222:0 222:2 224:1 227:0 228:0 230:0 232:0 "
        "233:0 237:0 239:0 240:2 246:0 247:0 248:0 254:0 255:0 256:0 264:0 264:2 269:0 269:1 271:0 "
        "284:2 299:1 301:0 307:1 313:3 320:2 324:1 333:2 337:0 344:0 345:2 356:2 357:2 359:0 365:0 "
        "368:0 369:1 370:2 371:2 371:3 373:0 374:0 379:0 382:2 385:0 387:0 388:2 389:1 391:0 392:0 "
        "393:0 394:0 396:1 405:2 407:1 409:0 417:2 420:0 430:0 436:0 436:3 438:1 440:0 445:0 446:0 "
        "449:0 452:2 453:0 453:1 454:1 455:1 459:0 459:1 459:2 460:1 467:2 470:1 478:1 482:0 489:0 "
        "492:2 494:0 495:2 496:1 497:1 499:2 500:2 500:3 501:0 504:2 509:0 511:2 511:3 512:2 513:0 "
        "515:2 517:2 522:0 526:1 530:0 533:1 533:2 536:0 539:0 541:0 542:0 545:0 546:0 547:2 551:0 "
        "552:1 561:1 562:2 576:1 600:1 619:2 621:1 623:1 636:2 638:1 643:1 647:1 667:1 670:1 675:2 "
        "708:1 721:2 742:1 754:1 771:2 772:1 797:1 846:1 848:1 851:1 871:2 875:2 878:1 881:1 888:2 "
        "907:2 908:1 909:1 917:1 920:1 920:2 954:2 967:2 981:2 1007:2 1022:1 1030:2 1037:2 1050:2 "
        "1052:2 1054:2"
    ),
    "signers": (
        "16:2 23:1 47:2 52:1 70:1 117:1 189:1 257:1 264:2 288:1 343:2 375:2 378:1 380:2 409:2 "
        "463:1 465:1 544:1 586:2 590:2 600:2"
    ),
}
# Hands whose keypoints agree, and are wrong: hidden thumbs above all.
MISREAD = {
    "arms_raised": "234:0 289:0",
    "counting_one_man": (
        "108:0 109:0 110:0 112:0 118:0 120:0 122:0 140:0 141:0 157:0 325:0 428:0 430:0 431:0 440:0 "
        "453:0"
    ),
    "gesture_homes": "294:0 361:0 553:0 587:0 704:0",
    "lab_gestures": "16:0 26:0 27:0 39:1 166:0 169:0",
    "signers": (
        "100:1 116:0 226:0 227:0 229:1 386:0 428:0 429:0 453:0 471:0 488:1 566:0 567:0 614:1"
    ),
}

# Held-out photos whose hands were marked by eye. l is a left hand, r a right one, u one of unknown
# side, c a crowd, where more hands may be; with the box (x, y, width, height) of each in pixels.
MARKED = {
    "gesture_homes/0024.jpg": "l 46 81 62 97",
    "gesture_homes/0032.jpg": "r 29 59 147 173",
    "gesture_homes/0040.jpg": "r 22 11 192 148",
    "gesture_homes/0048.jpg": "r 72 53 103 152",
    "gesture_homes/0072.jpg": "r 96 73 103 79",
    "gesture_homes/0080.jpg": "l 47 62 91 181",
    "gesture_homes/0088.jpg": "l 28 69 143 185",
    "gesture_homes/0096.jpg": "l 65 84 125 180",
    "gesture_homes/0120.jpg": "l 74 70 47 97",
    "gesture_homes/0128.jpg": "l 57 37 105 131",
    "gesture_homes/0152.jpg": "l 11 22 159 198",
    "gesture_homes/0168.jpg": "l 41 44 137 147",
    "gesture_homes/0176.jpg": "l 40 73 127 165",
    "gesture_homes/0200.jpg": "u 62 93 110 37",
    "gesture_homes/0208.jpg": "r 53 64 104 88",
    "gesture_homes/0240.jpg": "u 80 75 63 132",
    "gesture_homes/0312.jpg": "r 42 60 208 140",
    "gesture_homes/0352.jpg": "r 52 102 117 117",
    "gesture_homes/0360.jpg": "l 51 133 72 68",
    "gesture_homes/0448.jpg": "r 67 91 116 131",
    "gesture_homes/0464.jpg": "u 74 38 150 186",
    "gesture_homes/0504.jpg": "u 45 94 163 90",
    "gesture_homes/0512.jpg": "r 44 60 118 200",
    "gesture_homes/0592.jpg": "l 55 68 86 108",
    "lab_gestures/0000.jpg": "r 224 155 9 21, l 284 82 4 8",
    "lab_gestures/0090.jpg": "r 257 60 12 24, l 289 58 15 20",
    "lab_gestures/0130.jpg": "l 236 109 15 16, r 277 120 15 14",
    "lab_gestures/0190.jpg": "l 238 152 12 9, r 115 150 14 9",
    "lab_gestures/0290.jpg": "l 314 201 8 16, r 247 171 19 14",
    "lab_gestures/0350.jpg": "l 286 185 13 11, r 258 186 14 13",
    "lab_gestures/0430.jpg": "r 273 45 9 10, l 332 46 9 11",
    "lab_gestures/0550.jpg": "u 230 182 12 11, u 248 180 12 10",
    "lab_gestures/0640.jpg": "r 67 187 62 68",
    "lab_gestures/0780.jpg": "r 154 153 41 53, c 316 310 10 34",
    "lab_gestures/0820.jpg": "r 155 131 22 62, c 290 288 12 26",
    "lab_gestures/0850.jpg": "r 120 135 64 86, c 268 334 27 26",
    "lab_gestures/0900.jpg": "r 182 174 67 60",
    "lab_gestures/0920.jpg": "r 200 166 61 53",
    "arms_raised/0000.jpg": "r 164 126 31 63, l 301 122 31 62",
    "arms_raised/0014.jpg": "r 117 48 22 31, l 343 35 20 53",
    "arms_raised/0035.jpg": "l 322 24 44 63",
    "arms_raised/0077.jpg": "l 330 133 25 73, r 151 139 21 78",
    "arms_raised/0119.jpg": "r 146 222 27 129, l 362 214 9 129",
    "arms_raised/0133.jpg": "r 95 236 80 143, l 328 217 100 161",
    "arms_raised/0168.jpg": "l 293 248 77 51, r 140 264 71 47",
    "arms_raised/0175.jpg": "r 59 168 46 124, l 435 196 73 108",
    "arms_raised/0210.jpg": "r 139 306 65 85, l 292 302 89 73",
    "arms_raised/0266.jpg": "r 165 273 67 162, l 360 265 68 165",
    "arms_raised/0301.jpg": "r 136 296 30 158, l 315 159 28 153",
    "arms_raised/0140.jpg": "r 113 183 13 84, l 317 295 29 62",
    "signers/0012.jpg": "r 218 140 77 30, l 263 130 48 53",
    "signers/0132.jpg": "l 243 195 55 45, r 194 176 79 28",
    "signers/0216.jpg": "l 267 156 32 61, r 186 179 84 25",
    "signers/0420.jpg": "r 161 122 76 29, l 238 108 34 55",
    "signers/0444.jpg": "l 246 153 40 48, r 149 143 41 44",
    "asl_letters/0028.jpg": "r 45 91 222 309",
    "asl_letters/0042.jpg": "u 153 121 212 359",
    "asl_letters/0392.jpg": "u 125 153 130 121",
    "asl_letters/0546.jpg": "l 40 87 272 173",
    "asl_letters/0630.jpg": "u 58 101 68 73",
}
