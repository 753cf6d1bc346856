from capsule_inspect.dataset.problems import Problem, Remark, remark_on


def warning(path: str, message: str) -> Problem:
    return Problem(path, message, fatal=False)


def test_warnings_in_the_same_words_are_one_remark_and_what_is_fatal_comes_last():
    problems = [
        warning("a.png", "It is odd."),
        Problem("b.png", "It is broken.", fatal=True),
        warning("b.png", "It is a copy of c.png."),
        *(warning(f"{place}.png", "It is odd.") for place in range(4)),
        Problem("c.png", "It is broken.", fatal=True),
        warning("", "There are few."),
    ]
    assert remark_on(problems) == [
        Remark("5 files, such as a.png, 0.png, 1.png", "It is odd.", fatal=False),
        Remark("b.png", "It is a copy of c.png.", fatal=False),
        Remark("", "There are few.", fatal=False),
        Remark("b.png", "It is broken.", fatal=True),
        Remark("c.png", "It is broken.", fatal=True),
    ]


def test_up_to_three_paths_are_all_named():
    problems = [warning(f"{place}.png", "It is odd.") for place in range(3)]
    assert remark_on(problems) == [Remark("0.png, 1.png, 2.png", "It is odd.", fatal=False)]
