# SPDX-License-Identifier: Apache-2.0
"""The study in plain sentences: what is asked, how it is trained, protected, timed and paid."""

from __future__ import annotations

from app.services import format as fmt
from app.services.html import Line
from node.audit.round_views import RoundView
from node.audit.views import PlanView, StudyView
from node.plan import (
    CLIPPED,
    EXTRACTED,
    MOMENTUM,
    RHO_UNITS,
    WEIGHT_FRACTION_BITS,
    HeadPlan,
    ImageHeadPlan,
    NetworkPlan,
    Privacy,
    TrainingPlan,
)
from node.plan_training import ClippedStep
from node.storage.cid import cid_of
from node.types import CeremonyStep, CircuitKind, FailureReason, Phase, StudyState

STATE = {
    StudyState.NONE: "unknown",
    StudyState.PUBLISHED: "published, waiting for its funding",
    StudyState.ENROLLING: "open for enrolment",
    StudyState.CEREMONY: "in its key ceremony",
    StudyState.RUNNING: "running",
    StudyState.COMPLETED: "completed",
    StudyState.CANCELLED: "ended early",
}
PHASE = {
    Phase.NONE: "not begun",
    Phase.SUBMIT: "hospitals train and submit",
    Phase.ATTEST: "hospitals attest what they hold",
    Phase.INCLUDE: "waiting for the included set",
    Phase.OPEN: "the sum is being opened",
    Phase.FINALISED: "finalised",
    Phase.FAILED: "failed",
}
STEP = {
    CeremonyStep.KEY: "sealing keys",
    CeremonyStep.DEALING: "dealings",
    CeremonyStep.TEST_COMMITMENT: "commitments to test keys",
    CeremonyStep.TEST_KEY: "test keys",
    CeremonyStep.TEST_SHARES: "test shares",
    CeremonyStep.ACKNOWLEDGEMENT: "acknowledgements",
}
FAMILY = {
    "logistic-head": "Logistic regression: one weight for each feature, and a bias",
    "logistic-head-on-images": (
        "Logistic regression on what a frozen network finds in images: one weight for each of its features, and a bias"
    ),
    "cnn-5162": (
        "Convolutional network for grey images of 28 × 28 pixels: three convolutions of 3 × 3 with 8, 16 and 24 "
        "channels, each with max-pooling, and a linear layer to two classes"
    ),
}
LOSS = {
    "hard-sigmoid-logistic": (
        "Logistic loss with a hard sigmoid, p = clamp(z/4 + 1/2, 0, 1): piecewise linear, so that whole "
        "numbers compute it exactly and a proof can follow it"
    ),
    "softmax-cross-entropy": "Cross-entropy of the softmax of two outputs, in floating point",
}
OPTIMISER = {
    "mini-batch gradient descent": "Mini-batch gradient descent",
    MOMENTUM: "Stochastic gradient descent with momentum",
    CLIPPED: "One step a round down the sum of all images' gradients",
}

NOT_PROVED = (
    "That the committed rows are honest medicine: a hospital can commit to invented data.",
    "That an opening share is right. A wrong one is noticed when the round is finalised, but not whose it was: one "
    "liar can make rounds fail, and a study end.",
    "That a ciphertext holds what its commitment says. This, too, is noticed when the round is finalised.",
    "What a sum over few hospitals tells: all but one of them together learn the last one's update.",
    "That no threshold of hospitals pooled their key shares: any t of them can read a round's single updates.",
    "That the chain is as its endpoint tells it: this page believes the endpoint it was given. Name your own.",
)


def failure(item: RoundView, plan: PlanView) -> str:
    """Why a round gave no new model."""
    minimum, threshold = plan.terms.minimum, plan.terms.threshold
    if item.failure is FailureReason.TOO_FEW_SUBMISSIONS:
        return (
            f"Only {fmt.count(len(item.submissions), 'hospital')} submitted an update before the deadline; "
            f"the plan opens no sum of fewer than {minimum}. Nothing was opened."
        )
    if item.failure is FailureReason.TOO_FEW_INCLUDED:
        return (
            f"Fewer than {minimum} submitted updates were attested by at least {threshold} hospitals. "
            "Nothing was opened."
        )
    if item.failure is FailureReason.UNOPENED:
        return (
            f"No attempt opened the sum: {fmt.count(len(item.shares), 'share')} came in over "
            f"{fmt.count(len(item.quorums), 'attempt')}, and nobody could prove a new model from them."
        )
    if item.failure is FailureReason.ANOTHER_SET:
        return (
            "An earlier round that started from the same model had fixed a set of hospitals, and not all of them were "
            "there again. The difference of two sums would be somebody's update, so nothing was opened: the study "
            "goes on with the same set, or not at all."
        )
    return "Its deadline passed without a result; it waits for anyone to record that."


def optimiser(plan: TrainingPlan) -> Line:
    """How one hospital steps."""
    match plan:
        case HeadPlan():
            part = plan.training
            return Line(
                "Optimiser",
                f"{OPTIMISER[plan.model.optimiser]} with learning rate {fmt.rate(part.learning_rate)}, "
                f"{fmt.count(part.epochs, 'epoch')} a round, batches of {fmt.count(part.batch_size, 'row')} in the "
                "committed order.",
            )
        case NetworkPlan():
            local = plan.training.local
            if isinstance(local, ClippedStep):
                return Line(
                    "Optimiser",
                    f"{OPTIMISER[plan.model.optimiser]}: the gradient of each image is shortened to a "
                    f"norm of at most {local.clip}, and one image moves an update by at most "
                    f"{local.reach / (1 << WEIGHT_FRACTION_BITS):.3g} (L2 norm over all weights).",
                )
            return Line(
                "Optimiser",
                f"{OPTIMISER[plan.model.optimiser]} {local.momentum}, "
                f"{fmt.count(local.epochs, 'epoch')} a round, batches of {fmt.count(local.batch_size, 'image')}, "
                f"learning rate {float(local.learning_rates[0]):.3g} at first and "
                f"{float(local.learning_rates[-1]):.3g} in the last round.",
            )
    raise AssertionError("a plan is one of the two kinds")


def question(plan: TrainingPlan) -> list[str | Line]:
    """What is asked, of which data."""
    label = plan.model.label
    of_images = (
        "Each record of a hospital is one grey image of 28 × 28 pixels with the label "
        f"“{label.name}”, which says “{label.positive}” or “{label.negative}”."
    )
    scaled = (
        "Features are scaled with constants that the plan makes public: (value − mean) / standard deviation, cut "
        "to the range from −4 to 4 and rounded to 8 bits. No hospital's data went into another's scaling."
    )
    asked = Line("Question", plan.question)
    match plan:
        case NetworkPlan():
            return [asked, of_images]
        case ImageHeadPlan():
            file = plan.model.extractor
            return [
                asked,
                of_images,
                f"A frozen network, the sponsor's, makes {EXTRACTED} features of each image; its file is "
                f"{cid_of(bytes.fromhex(file.digest), file.size)}. That a hospital's features are those of its "
                "images is not proved: what is proved begins with the features.",
                scaled,
            ]
    return [
        asked,
        f"Each row of a hospital's table is one case with {fmt.count(plan.trained_weights - 1, 'feature')} and the "
        f"column “{label.name}”, which says “{label.positive}” or “{label.negative}”.",
        scaled,
    ]


def training(plan: TrainingPlan) -> list[Line]:
    """How one hospital trains in one round."""
    start = "all weights zero" if not any(plan.model.initial) else "the weights given in the plan"
    lines = [
        Line(
            "Model",
            f"{FAMILY[plan.model.family]}. It has {fmt.count(plan.trained_weights, 'weight')} and starts from {start}.",
        ),
        Line("Loss", f"{LOSS[plan.model.loss]}."),
        optimiser(plan),
    ]
    match plan:
        case HeadPlan():
            return lines + _proved_training(plan)
        case NetworkPlan():
            return lines + _bounded_training(plan)
    raise AssertionError("a plan is one of the two kinds")


def _bounded_training(plan: NetworkPlan) -> list[Line]:
    part = plan.training
    norm = part.update_bound**0.5 / (1 << WEIGHT_FRACTION_BITS)
    return [
        Line("Bound", f"an update moves the model by at most {norm:.3g} (L2 norm over all weights)."),
        Line(
            "Weight of a hospital",
            "every included hospital counts the same, and is paid for an accepted update: how many images it has is "
            "claimed, not proved.",
        ),
        Line(
            "Proof",
            f"every update comes with a proof (circuit “{part.circuit}”) that it is within that bound, that each of "
            "its values is in range, and that the commitment which enters the sum is to exactly this update. How it "
            "was trained, and on which images, is not proved.",
        ),
    ]


def _proved_training(plan: HeadPlan) -> list[Line]:
    part = plan.training
    reach = part.update_bound**0.5 / (1 << WEIGHT_FRACTION_BITS)
    hidden = (
        [
            Line(
                "Bound",
                f"an update longer than {reach:.3g} (L2 norm over all weights, times the number of rows) is shortened "
                "to that and no further, and then gets its noise. The proof covers both: the shortening exactly, and "
                "of the noise that none is larger than the plan allows.",
            )
        ]
        if part.update_bound
        else []
    )
    return [
        Line(
            "Rows",
            f"at most {fmt.count(part.rows_maximum, 'row')} of a hospital, the same in every round, fixed by a "
            "commitment at enrolment. Of a hospital with more rows, the hash of a later block of the chain draws the "
            "block of rows that it trains on.",
        ),
        Line(
            "Arithmetic",
            f"whole numbers throughout, weights of {plan.quantisation.weight_bits} bits with "
            f"{WEIGHT_FRACTION_BITS} after the point, so that the computer program and the proof agree to the last "
            "bit.",
        ),
        Line(
            "Proof",
            f"every update comes with a proof (circuit “{part.circuit}”) that exactly this training was run on "
            "exactly the committed rows. The contract checks it before it accepts the update.",
        ),
        *hidden,
    ]


def protection(plan: TrainingPlan) -> list[str | Line]:
    """Who can read what."""
    t, people = plan.encryption.threshold, plan.participation
    return [
        "No record leaves its hospital. An update leaves only encrypted (threshold CKKS).",
        f"Only the sum of at least {people.minimum} hospitals' updates is opened, and any {t} of the hospitals "
        f"have to work together for that (threshold {t}).",
        f"The same holds against them: any {t} hospitals that pool their key shares can read every single update "
        "of a round.",
        f"What opens a sum hides the rest with {plan.encryption.statistical_security} bits of statistical security. "
        f"An opening has {fmt.count(plan.encryption.attempts, 'attempt')}.",
        _privacy(plan.privacy),
        f"The sum and the new model are proved as well (circuit “{plan.aggregation.circuit}”): nobody can finalise a "
        "wrong one.",
    ]


def _privacy(hidden: Privacy) -> str | Line:
    if hidden.level == "none":
        return "There is no differential privacy in this study: its budget is 0."
    return Line(
        "Differential privacy",
        f"at the level of a {hidden.level}, by noise that each hospital adds to its update before it encrypts. "
        f"Two sets of data that differ in {hidden.neighbours} give nearly the same models. Sampling: "
        f"{hidden.sampling}. A round costs {hidden.cost / RHO_UNITS:.4g} rho of zero-concentrated differential "
        f"privacy, and the contract ends the study before more than {hidden.budget / RHO_UNITS:.4g} is spent; the "
        f"epsilon of it is told for δ = {hidden.delta}. That the noise was drawn at random is not proved.",
    )


def schedule(plan: TrainingPlan) -> list[str]:
    """Rounds, people and deadlines."""
    people, phases = plan.participation, plan.phases
    return [
        f"From {people.minimum} to {fmt.count(people.maximum, 'hospital')} take part in "
        f"{fmt.count(people.rounds, 'round')}; a key ceremony makes keys for {people.batch_rounds} of them, and a "
        "new one is held when they are used up, when a hospital joins or leaves, and on request.",
        f"Enrolment lasts {fmt.duration(phases.enrol)} at most, each step of the key ceremony "
        f"{fmt.duration(phases.ceremony_step)}.",
        f"In a round, submitting may take {fmt.duration(phases.submit)}, attesting {fmt.duration(phases.attest)}, each "
        f"attempt at opening {fmt.duration(phases.open)}. A phase ends early once everybody has acted.",
        f"Nodes wait for {fmt.count(phases.confirmations, 'block')} after a block before they rely on it.",
        f"{fmt.count(plan.money.unopened_rounds, 'failed round')} in a row "
        f"{'ends' if plan.money.unopened_rounds == 1 else 'end'} the study.",
    ]


def money(view: StudyView) -> list[str]:
    """Who pays whom; from the numbers on chain."""
    terms, network = view.plan.terms, view.network
    share = terms.verified_share_bps / 100
    bounded = view.plan.training.kind is CircuitKind.BOUNDED
    shared = (
        "the same for each included hospital" if bounded else "shared by the rows of each included hospital's proof"
    )
    return [
        f"The sponsor pays {fmt.tokens(terms.reward_per_round, network)} a round, {shared}: "
        f"{fmt.tokens(view.money.required, network)} for all {fmt.count(terms.rounds, 'round')}, paid in before "
        "hospitals could enrol.",
        f"{share:g} % of a round's reward is earned once enough opening shares are posted, the rest when the round is "
        "finalised.",
        f"Each hospital locks a bond of {fmt.tokens(terms.bond, network)}. It gets it back at the end, less what is "
        "cut for a missing dealing, an update that others cannot get, a missing opening share, or two different ones. "
        "What is cut belongs to the other hospitals of that round or ceremony.",
    ]
