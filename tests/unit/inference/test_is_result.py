from capsule_inspect.inference.is_result import is_result
from capsule_inspect.inference.results_folder import MADE_BY, ResultsFolder


def test_results_are_known_from_other_files(tmp_path, monkeypatch):
    folder = ResultsFolder(tmp_path / "out")
    folder.write("overlays/a/b.png", b"overlay")
    folder.write(folder.run_file.name, f'{{"made_by": "{MADE_BY}"}}'.encode())
    monkeypatch.chdir(folder.path.parent)
    assert is_result(folder.path / "overlays/a/b.png")
    assert is_result(folder.path.relative_to(folder.path.parent) / "masks/x.png")
    (folder.path.parent / "link").symlink_to(folder.path)
    assert is_result(folder.path / "../link/../out/overlays/x.png")
    (folder.path.parent / "drawn").symlink_to(folder.path / "overlays")
    assert is_result(folder.path.parent / "drawn/x.png")
    assert not is_result(folder.path / "notes.txt")
    assert not is_result(folder.path.parent / "overlays/x.png")
