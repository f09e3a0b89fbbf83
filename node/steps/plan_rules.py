# SPDX-License-Identifier: Apache-2.0
"""What a plan must fulfil besides its own form: by its circuits, its network, its encryption and its privacy.

Whoever drafts, publishes or enrols asks the same rules. The contracts have those of circuits and network too
(`contracts/studies/PlanRules.sol`), and a test compares what both refuse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from node.chain.client import ChainReader
from node.crypto import CeremonyContext, CeremonyIdentity, UpdateForm, dealing_size
from node.document import Across, Broken, Fault, across, faults, told
from node.errors import ParameterError
from node.learning import privacy
from node.plan import LOSSES, NETWORKS, Encryption, Model, Network, Privacy, Training, TrainingPlan, noise_shares
from node.plan_training import BoundedTraining
from node.proofs.artefacts import circuits
from node.steps.context import parameters_for
from node.storage.cid import SIZE_MAX
from node.types import Circuit, CircuitKind

#: What the plan calls its phases.
_PHASES = ("enrol", "ceremony_step", "submit", "attest", "open")


def broken(plan: TrainingPlan, rules: Sequence[Across]) -> list[Fault]:
    """Which of these rules a plan breaks, that is sound by itself."""
    return faults(type(plan), vars(plan), "", rules)


@dataclass(frozen=True)
class Venue:
    """Where a plan is to be published: the circuits that are listed there, and how short its phases can be."""

    circuits: Mapping[str, Circuit]
    timing: tuple[Across, ...] = ()

    @classmethod
    def anywhere(cls) -> Venue:
        """Some network that nobody has named: it lists what can be proved, and may allow phases of any length."""
        return cls({name: circuit.listing() for name, circuit in circuits().items()})

    @classmethod
    def of(cls, reader: ChainReader) -> Venue:
        """The network, as its contracts have it."""
        records = reader.deployment.circuits.items()
        listed = {name: reader.circuit(record.id) for name, record in records if reader.is_listed(record.id)}
        return cls(listed, rules_of_network(*reader.shortest_phase()))

    def rules(self, training: str, aggregation: str) -> tuple[Across, ...]:
        """Those of a plan that names these circuits."""
        return (*rules_of_listing(self.circuits, training, aggregation), *self.timing, *RULES_OF_STUDY)


def rules_of_listing(listed: Mapping[str, Circuit], training: str, aggregation: str) -> tuple[Across, ...]:
    """That the circuits a plan names are on a list, by name, and prove it."""

    def known(path: str) -> Across:
        @across(path)
        def check(name: str) -> Broken:
            if name not in listed:
                yield path, f"is not one of: {', '.join(sorted(listed)) or 'none'}{told(name)}"

        return check

    found = listed.get(training), listed.get(aggregation)
    fitting = () if found[0] is None or found[1] is None else rules_of_circuits(found[0], found[1])
    return (known("training.circuit"), known("aggregation.circuit"), *fitting)


def rules_of_circuits(training: Circuit, aggregation: Circuit) -> tuple[Across, ...]:
    """That these circuits prove a plan, as they are listed."""
    trained, aggregated = training.name, aggregation.name

    @across("model.family")
    def training_kind(family: str) -> Broken:
        wanted = CircuitKind.BOUNDED if family in NETWORKS else CircuitKind.TRAINING
        if training.kind is not wanted:
            yield "training.circuit", f"is of the kind {_kind(training.kind)}, not {_kind(wanted)}{told(trained)}"

    @across("aggregation.circuit")
    def aggregation_kind(name: str) -> Broken:
        if aggregation.kind is not CircuitKind.AGGREGATION:
            yield "aggregation.circuit", f"is of the kind {_kind(aggregation.kind)}, not aggregation{told(name)}"
        # An aggregation circuit counts its coordinates: the features and the bias.
        elif (aggregation.features, aggregation.value_bits) != (training.features + 1, training.value_bits):
            yield (
                "aggregation.circuit",
                f"has {aggregation.features} weights and values of {aggregation.value_bits} bits, and {trained} "
                f"{training.features + 1} of {training.value_bits}: name the one that goes with it{told(aggregated)}",
            )

    @across("model.family", "model.initial")
    def coordinates(family: str, initial: tuple[int, ...]) -> Broken:
        if family in NETWORKS and len(initial) != training.features + 1:
            yield "model.family", f"has {len(initial)} weights, and {trained} {training.features + 1}{told(family)}"

    @across("model.features")
    def features(names: tuple[str, ...]) -> Broken:
        if len(names) > training.features:
            yield "model.features", f"are {len(names)}, and {trained} takes {training.features}: choose which to use"

    @across("model.features", "model.initial")
    def padding(names: tuple[str, ...], initial: tuple[int, ...]) -> Broken:
        if len(names) <= training.features != len(initial) - 1:
            yield "model.initial", f"has {len(initial)} weights, and {trained} {training.features + 1}: fill up with 0"

    @across("training.epochs")
    def epochs(number: int) -> Broken:
        if number > training.max_epochs:
            yield "training.epochs", f"is above {training.max_epochs}, the most that {trained} proves{told(number)}"

    @across("training.update_bound", "privacy.noise_bound")
    def bounds(update_bound: int, noise_bound: int) -> Broken:
        if (update_bound or noise_bound) and not training.noisy:
            yield "training.circuit", f"proves neither bounds nor noise{told(trained)}"

    def same(path: str, wanted: int) -> Across:
        @across(path)
        def check(value: int) -> Broken:
            if value != wanted:
                yield path, f"is not {wanted}, as {trained} has it{told(value)}"

        return check

    @across("model.loss")
    def loss(name: str) -> Broken:
        if LOSSES[name] != training.loss:
            yield "model.loss", f"is not what {trained} proves{told(name)}"

    if aggregation.kind is not CircuitKind.AGGREGATION or training.kind is CircuitKind.AGGREGATION:
        # The numbers of a circuit of another kind mean something else.
        return (training_kind, aggregation_kind)
    heads = (features, padding) if training.kind is CircuitKind.TRAINING else (coordinates,)
    return (
        training_kind,
        aggregation_kind,
        *heads,
        epochs,
        bounds,
        same("training.batch_size", training.batch_size),
        same("training.rows_maximum", training.capacity),
        same("quantisation.value_bits", training.value_bits),
        loss,
    )


def rules_of_network(block_time: int, margin: int) -> tuple[Across, ...]:
    """That no phase is shorter than a network allows, with a block in so many seconds and so many more seconds."""

    def long_enough(name: str) -> Across:
        @across("phases.confirmations", f"phases.{name}")
        def check(confirmations: int, length: int) -> Broken:
            least = confirmations * block_time + margin
            if length < least:
                yield (
                    f"phases.{name}",
                    f"is below {least} s, the least on this network ({confirmations} confirmations of {block_time} s, "
                    f"and {margin} s){told(length)}",
                )

        return check

    return tuple(map(long_enough, _PHASES))


@across(
    "encryption",
    "quantisation.value_bits",
    "model",
    "participation.minimum",
    "participation.maximum",
    "participation.batch_rounds",
)
def keys_can_be_made(
    encryption: Encryption, value_bits: int, model: Model | Network, minimum: int, maximum: int, rounds: int
) -> Broken:
    """A ceremony can be held, however many take part: a bond would be locked in vain."""
    form = UpdateForm(len(model.initial), value_bits, packed=isinstance(model, Network))
    for parties in range(max(minimum, 2 * encryption.threshold - 1), maximum + 1):
        try:
            ceremony = CeremonyContext(
                identified=CeremonyIdentity(0, f"0x{0:040x}", 0, 1),
                keys_hash=bytes(32),
                parties=tuple(range(1, parties + 1)),
                indices=tuple(range(parties)),
                threshold=encryption.threshold,
                first_round=1,
                rounds=rounds,
                form=form,
                ckks=None if encryption.pads_only else parameters_for(encryption, form, parties),
            )
        except ParameterError as error:
            yield "encryption", f"gives no keys for {parties} hospitals: {error}"
            return
        size = dealing_size(ceremony)
        if size > SIZE_MAX:
            yield (
                "participation.batch_rounds",
                f"is too much for {parties} hospitals: each of them would have to send {size} bytes at once, and no "
                f"file has more than {SIZE_MAX}{told(rounds)}",
            )
            return


@across("privacy", "training", "model", "participation.minimum", "encryption.threshold")
def privacy_adds_up(
    hidden: Privacy, training: Training | BoundedTraining, model: Model | Network, minimum: int, threshold: int
) -> Broken:
    """A round costs no more privacy than the plan says, and its noise fits its bound.

    How far a neighbour moves a sum follows from the plan's training; the noise is that of the fewest honest hospitals.
    The numbers of rows, by which a head's updates are weighted and its sum divided, are public and not protected.
    """
    if hidden.level == "none" or not training.update_bound or not hidden.noise_variance:
        return
    hospitals = noise_shares(minimum, threshold)
    if hospitals < 1:
        # Told as a minimum that is too low.
        return
    parameters = len(model.features) + 1 if isinstance(model, Model) else len(model.initial)
    moved = privacy.sensitivity(training, parameters)
    cost = privacy.in_units(privacy.round_cost(moved, hidden.noise_variance, hospitals, parameters))
    if cost > hidden.cost:
        yield (
            "privacy.cost",
            f"is below {cost}, what a round costs with {hospitals} honest hospitals' noise{told(hidden.cost)}",
        )
    least = privacy.least_noise_bound(hidden.noise_variance)
    if hidden.noise_bound < least:
        yield "privacy.noise_bound", f"is below {least}, which the noise does not fit{told(hidden.noise_bound)}"


#: What follows from the document, but takes the encryption and the privacy to see.
RULES_OF_STUDY = (keys_can_be_made, privacy_adds_up)


def _kind(kind: CircuitKind) -> str:
    return kind.name.lower()
