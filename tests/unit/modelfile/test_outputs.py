import numpy as np

from capsule_inspect.modelfile.outputs import FEATURES, LOGITS, MASK_LOGITS, Outputs


def test_the_names_are_those_of_model_files():
    assert (LOGITS, MASK_LOGITS, FEATURES) == ("logits", "mask_logits", "features")


def test_each_result_is_taken_out_of_its_batch():
    results = {
        "features": np.full((1, 7), 3.0),
        "mask_logits": np.full((1, 4, 5, 2), 2.0, np.float32),
        "logits": np.array([[1.0, -1.0]], np.float32),
    }
    outputs = Outputs.of(results)
    assert outputs.logits.tolist() == [1.0, -1.0]
    assert outputs.mask_logits.shape == (4, 5, 2)
    assert (outputs.mask_logits == 2).all()
    assert outputs.features.tolist() == [3.0] * 7
    assert {outputs.logits.dtype, outputs.mask_logits.dtype, outputs.features.dtype} == {
        np.dtype(np.float32)
    }


def test_only_logits_must_be_there():
    outputs = Outputs.of({"logits": np.zeros((1, 2), np.float32)})
    assert outputs.mask_logits is None
    assert outputs.features is None
