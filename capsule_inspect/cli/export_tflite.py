"""`capsule-inspect export-tflite`: a trained network → one verified model file."""

from pathlib import Path
from typing import Annotated

import typer

from capsule_inspect.cli.options import ConfigDir, DataRoot, Overrides, PrintConfig, settings_from
from capsule_inspect.workflows.extras import import_training_stack


def export_tflite(
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="A .keras file, or the folder of a run or study."),
    ],
    overrides: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="The file to write; model.tflite beside the network."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write the file even if it disagrees too much.")
    ] = False,
    data_root: DataRoot = None,
    config_dir: ConfigDir = None,
    print_config: PrintConfig = False,
) -> None:
    """Quantize a network to TensorFlow Lite, and check that it still agrees with itself.

    The file is read back through the runtime of `predict`, which chooses its threshold anew
    (threshold.policy), and is compared with the network on all pictures of data.dir; it is refused
    below export.min_agreement or above export.max_dice_drop. The runs of a study each get a file of
    their own.

    Examples:
        capsule-inspect export-tflite runs/first data.dir=data/capsule -o model.tflite
        capsule-inspect export-tflite runs/first threshold.policy=max_miss_rate threshold.value=.02
    """
    settings = settings_from(overrides, config_dir, print_config, data_root, heavy=True)
    from capsule_inspect.dataset.data_set import read_dataset
    from capsule_inspect.errors import UsageError
    from capsule_inspect.training.decision import resolve_model
    from capsule_inspect.training.study import open_study, require_finished

    data = read_dataset(Path(settings.data.dir), settings.data.root)
    study = open_study(model)
    if study is None:
        resolve_model(model)
    elif out is not None:
        raise UsageError("The runs of a study each keep their file beside them. Leave --out away.")
    else:
        require_finished(study)
    import_training_stack("export-tflite", "tensorflow")  # last, so that a slip is told at once
    from capsule_inspect.workflows.export import export_network, export_study

    if study is None:
        export_network(model, out, data, settings, force)
    else:
        export_study(study, data, settings, force)
