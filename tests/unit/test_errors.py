from capsule_inspect import errors


def kinds():
    found = [errors.CapsuleInspectError]
    for kind in found:
        found += kind.__subclasses__()
    return {kind.__name__: kind.exit_code for kind in found}


def test_exit_codes_are_those_that_scripts_rely_on():
    unusual = {name: code for name, code in kinds().items() if code != 2}
    assert unusual == {
        "ConditionNotMetError": 1,
        "PartialFailureError": 3,
        "InterruptedRunError": 130,
    }


def test_one_handler_catches_everything_a_person_can_cause():
    public = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and kind.__module__ == errors.__name__
    }
    assert public <= set(kinds())
