"""The training of hand_lite: hands, rendered or photographed, composed into samples."""
