import keras
import numpy as np

from capsule_inspect.model.encoder import PREFIX, set_encoder_trainable


def test_the_encoder_alone_freezes_and_thaws_but_for_its_norms():
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(2, 3, name=f"{PREFIX}conv")(image)
    x = keras.layers.BatchNormalization(trainable=False, name=f"{PREFIX}norm")(x)
    x = keras.layers.BatchNormalization(name="decoder_norm")(x)
    network = keras.Model(image, keras.layers.Conv2D(1, 1, name="decoder")(x))

    def trained() -> set[str]:
        return {variable.path.split("/")[0] for variable in network.trainable_variables}

    before = network.get_weights()
    set_encoder_trainable(network, False)
    assert trained() == {"decoder", "decoder_norm"}
    set_encoder_trainable(network, True)
    assert trained() == {f"{PREFIX}conv", "decoder", "decoder_norm"}
    assert all(np.array_equal(a, b) for a, b in zip(before, network.get_weights(), strict=True))
