from recorder import Recorder

from capsule_inspect.reporter import SILENT, Prefixed


def test_the_silent_reporter_says_nothing(capfd):
    for speak in (SILENT.say, SILENT.warn, SILENT.note):
        speak("Anything.")
    with SILENT.progress(3, "Looking") as advance:
        advance()
        advance(2, description="Looking again")
    assert capfd.readouterr() == ("", "")


def test_a_name_comes_before_every_sentence_and_progress_stays_as_it_is():
    recorder = Recorder()
    named = Prefixed(recorder, "seed-0-fold-1")
    named.say("said")
    named.warn("warned")
    named.note("noted")
    with named.progress(4, "Training", "steps") as advance:
        advance(3)
    assert recorder.said == ["seed-0-fold-1: said"]
    assert recorder.warned == ["seed-0-fold-1: warned"]
    assert recorder.noted == ["seed-0-fold-1: noted"]
    assert (recorder.counted, recorder.units) == ([("Training", 3, 4)], ["steps"])
