"""The pictures whose masks can be scored."""

from collections.abc import Sequence

from capsule_inspect.evaluation.judge import NO_CAPSULE, Judgement


def segmented(judgements: Sequence[Judgement]) -> tuple[Judgement, ...]:
    """Returns the judgements whose predicted masks are held against true ones.

    Args:
        judgements: One per picture.

    Returns:
        Those with an overlap; none at all where no picture has a true defect pixel, since empty
        masks of good pictures alone say nothing, and none of a model without a mask head.
    """
    # A picture without a capsule has an empty mask whatever the model can do.
    has_mask_head = any(each.overlap for each in judgements if each.label != NO_CAPSULE)
    has_true_masks = any(each.defect_overlap for each in judgements)
    if not has_mask_head or not has_true_masks:
        return ()
    return tuple(each for each in judgements if each.overlap)
