# SPDX-License-Identifier: Apache-2.0
"""The block of a hospital's rows that the chain drew: put in use once, and trained on in every round."""

from __future__ import annotations

import hashlib

from node.errors import ContractReverted, DrawLost, SecretUnavailable, StudyError
from node.steps.blocks import Blocks
from node.steps.context import StudyContext
from node.steps.records import Records, records_name, stored_records
from node.types import BlockDraw


def records_in_use(context: StudyContext) -> Records | None:
    """What this hospital trains on; None while the drawn block is not in use, in a block of the chain that is final.

    An update of another block than the one that stays could be neither proved nor encrypted a second time.
    """
    kept = _kept(context)
    if not isinstance(kept, Blocks):
        return kept
    confirmed, reader = context.confirmed_block(), context.hospital.reader
    final = reader.agreed(lambda endpoint: endpoint.enrolment(context.id, context.hospital.id, at=confirmed))
    return kept.of_root(final.data_root)


def use_drawn_block(context: StudyContext) -> None:
    """Put the hash that draws on record while the chain knows it, and open the block that was drawn once that is final.

    The draw shows when the salts do, at the end of the first Key step: by then the chain may have forgotten the hash.
    Whatever was done of it already is seen on the chain, so that a restart repeats nothing.
    """
    hospital, reader = context.hospital, context.hospital.reader
    draw = reader.blocks_of(context.id, hospital.id)
    if not draw.blocks or draw.used or reader.enrolment(context.id, hospital.id).barred:
        return
    if not draw.kept:
        _keep(context, draw)
        return
    confirmed = context.confirmed_block()
    index = reader.agreed(lambda endpoint: endpoint.drawn_block(context.id, hospital.id, at=confirmed))
    if index is None:
        return
    kept = _kept(context)
    assert isinstance(kept, Blocks), "who committed to blocks keeps them"
    tree = kept.tree()
    hospital.ledger.use_block(context.id, *tree.blocks[index], tree.path(index))
    context.log.info(
        "block %d of %d was drawn of this hospital's rows: it trains on the %d rows of that",
        index + 1, len(tree.blocks), kept.parts[index].rows,
    )  # fmt: skip


def _keep(context: StudyContext, draw: BlockDraw) -> None:
    """Put the hash on record; have another block draw where the chain knows it no more, while no salt is known."""
    hospital, reader = context.hospital, context.hospital.reader
    try:
        reader.drawn_block(context.id, hospital.id)
    except DrawLost:
        _draw_anew(context, draw.redrawn)
        return
    if reader.head().number > draw.draw_at:
        hospital.ledger.keep_draw(context.id, hospital.id)


def _draw_anew(context: StudyContext, was_redrawn: bool) -> None:
    hospital, key = context.hospital, f"{context.key}/draw-lost"
    if not was_redrawn:
        try:
            hospital.ledger.redraw(context.id)
        except ContractReverted as error:
            if error.name != "BlockDrawsSaltsKnown":
                raise
        else:
            context.log.warning("this node was away when a block of its rows was drawn: another one is")
            return
    if hospital.state.result(key) is None:
        context.log.error("this node was away when a block of its rows was drawn, for good: it takes no part")
        hospital.state.done(key)


def _kept(context: StudyContext) -> Records | Blocks:
    """What this hospital committed to in the study, whatever became of the file since.

    Raises SecretUnavailable where it is gone, StudyError where it is something else, as after folders were mixed up.
    """
    hospital = context.hospital
    try:
        content = hospital.secrets.get(records_name(context.id))
    except SecretUnavailable as error:
        raise SecretUnavailable(
            f"Study {context.id}: the records that this hospital committed to are gone. {error} Restore the secrets "
            "folder from a backup; the file that they were read from does not replace them."
        ) from None
    kept = stored_records(context.plan, content)
    root: int | bytes
    if isinstance(kept, Blocks):
        root = hospital.reader.blocks_of(context.id, hospital.id).blocks_root
    else:
        root = context.enrolment.data_root
    found = (hashlib.sha256(content).digest(), root)
    if hospital.checked_records.get(context.id) != found:
        # Committing anew takes seconds for many rows, and every step of a round comes by here.
        if root != (kept.tree().root if isinstance(kept, Blocks) else kept.commitment()):
            raise StudyError(
                f"Study {context.id}: the records that this node keeps are not those that its hospital committed to. "
                "Restore the secrets folder of the node that enrolled."
            )
        hospital.checked_records[context.id] = found
    return kept
