from tests.house.call import count_calls


def test_calls_of_one_function_are_counted():
    def counted(depth):
        return depth and counted(depth - 1)

    assert count_calls(counted, lambda: [counted(0), counted(2), abs(-1)]) == 4
