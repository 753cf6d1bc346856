import optuna
import pytest
from sqlalchemy.exc import OperationalError

from capsule_inspect.errors import ConfigError
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.search.storage import explain_storage_errors, open_search
from capsule_inspect.settings.groups import TuneSettings


def test_a_search_is_kept_in_its_run_folder_and_opened_again(tmp_path):
    run = RunFolder(tmp_path)
    study = open_search(TuneSettings(study="mine"), run)
    study.tell(study.ask(), 0.5)
    assert (tmp_path / "study.db").is_file()
    assert [trial.value for trial in open_search(TuneSettings(study="mine"), run).trials] == [0.5]


def test_in_a_database_of_others_a_name_is_taken_unless_the_search_is_resumed(tmp_path):
    run, storage = RunFolder(tmp_path), f"sqlite:///{tmp_path}/shared.db"
    optuna.create_study(study_name="mine", storage=storage, direction="maximize")
    with pytest.raises(ConfigError, match=r"'mine' .* already.*--resume RUN"):
        open_search(TuneSettings(study="mine", storage=storage), run)
    open_search(TuneSettings(study="mine", storage=storage, resume="runs/x"), run)


def test_errors_of_the_database_become_a_sentence_without_its_password(tmp_path):
    run = RunFolder(tmp_path)
    settings = TuneSettings(storage="postgresql://me:hush@127.0.0.1:1/db")
    with (
        pytest.raises(ConfigError, match=r"me:\*\*\*@127\.0\.0\.1.*Check --storage") as caught,
        explain_storage_errors(settings, run),
    ):
        open_search(settings, run)
    assert "hush" not in str(caught.value)


def test_a_driver_that_repeats_what_it_was_given_gives_no_password_away(tmp_path):
    settings = TuneSettings(storage="postgresql://me:hush@server/db?sslpassword=whisper")
    said = "no answer: host=server password=hush sslpassword='whisper' postgresql://me:hush@server"
    with (
        pytest.raises(ConfigError) as caught,
        explain_storage_errors(settings, RunFolder(tmp_path)),
    ):
        raise OperationalError("SELECT 1", None, Exception(said))
    message = str(caught.value)
    assert "hush" not in message
    assert "whisper" not in message
    assert "no answer: host=server password=*** sslpassword=*** postgresql://me:***@" in message
