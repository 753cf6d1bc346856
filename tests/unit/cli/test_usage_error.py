import pytest


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("predct", "x"), "No such command 'predct'. Did you mean 'predict'? See {} -h."),
        (("predict", "x", "--quite"), "There is no option --quite. Did you mean '--quiet'? "),
        (("runs", "--command", "trian"), "'trian' is not one of 'train', 'tune', "),
        (("runs", "--command", "trian"), "Did you mean 'train'? See {} runs -h."),
        (("predict", "x", "--jobs", "0"), "greater than or equal to 1. See {} predict -h."),
        (("prepare",), "Missing argument 'SOURCE'. See {} prepare -h."),
        (("info", "a", "b"), "unexpected extra argument"),
    ],
)
def test_a_wrong_command_line_is_one_sentence_and_a_way_on(invoke, arguments, said):
    ended = invoke(*arguments)
    assert ended.exit_code == 2
    assert ended.err.startswith("Error: ")
    assert said.format("capsule-inspect") in ended.err
    assert len(ended.err.splitlines()) == 1
    assert ended.out == ""


def test_no_arguments_show_the_help(invoke):
    ended = invoke()
    assert ended.exit_code == 2
    assert "Usage:" in ended.out
    assert "export-tflite" in ended.out
