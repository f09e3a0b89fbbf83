// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Record of a study's key ceremony
/// @notice Who posted what in which step. A step is open from the moment the earlier one is complete until
/// its deadline. The first ceremony starts when enrolment ends, every further one when the last round closed that
/// there are keys for. The contract keeps digests, hospitals check the files. Implemented by the StudyRegistry,
/// whose name the errors carry.
interface IKeyCeremony {
    enum CeremonyStep {
        Key,
        Dealing,
        TestCommitment,
        TestKey,
        TestShares,
        Acknowledgement
    }

    /// @param number Ceremony, from 1; 0 while enrolment is not over or the study was cancelled before it.
    /// @param step Step that is open (or has run out).
    /// @param deadline Second at which the step runs out.
    /// @param posted Bitmap of indices that posted in the step.
    /// @param participants Bitmap of indices that take part in this ceremony.
    /// @param completed All acknowledged one transcript.
    /// @param transcriptDigest Transcript that all acknowledged; zero until then.
    /// @param firstRound First round that it makes keys for.
    /// @param rounds How many rounds it makes keys for; not all are used where the batch ends early.
    struct CeremonyState {
        uint32 number;
        CeremonyStep step;
        uint64 deadline;
        uint64 posted;
        uint64 participants;
        bool completed;
        bytes32 transcriptDigest;
        uint32 firstRound;
        uint32 rounds;
    }

    error StudyRegistryNoCeremony(uint256 studyId);
    error StudyRegistryWrongCeremony(uint256 studyId, uint32 ceremony, uint32 current);
    error StudyRegistryWrongStep(uint256 studyId, CeremonyStep step, CeremonyStep current);
    error StudyRegistryStepOver(uint256 studyId, CeremonyStep step, uint64 deadline);
    error StudyRegistryStepOpen(uint256 studyId, CeremonyStep step, uint64 deadline);
    error StudyRegistryAlreadyPosted(uint256 studyId, CeremonyStep step, uint32 hospitalId);
    error StudyRegistryBarred(uint256 studyId, uint32 hospitalId);
    error StudyRegistryEmptyDigest();

    event CeremonyPosted(
        uint256 indexed studyId,
        uint32 indexed ceremony,
        CeremonyStep step,
        uint32 indexed hospitalId,
        bytes32 digest,
        uint64 size
    );
    event CeremonyCompleted(uint256 indexed studyId, uint32 indexed ceremony, bytes32 transcriptDigest);
    /// @param barred Bitmap of indices that the next ceremony goes without.
    /// @param remaining Bitmap of indices that take part in the next ceremony; 0 when the study ends here.
    event CeremonyFailed(
        uint256 indexed studyId, uint32 indexed ceremony, CeremonyStep step, uint64 barred, uint64 remaining
    );

    /// @notice Records one file of the open step; only a participant's operator, once per step.
    /// @param digest Key: the X25519 public key itself (size 32). TestCommitment: SHA-256 commitment of the
    /// test-key file. Acknowledgement: transcript digest. Otherwise the file's content digest. Never zero.
    /// @param size Bytes of the file.
    function postCeremony(uint256 studyId, uint32 ceremony, CeremonyStep step, bytes32 digest, uint64 size) external;

    /// @notice Ends a ceremony whose step ran out; anyone. Missing dealings are slashed. Whoever is missing in
    /// the step is barred; in the last step also whoever acknowledged another transcript than more than half of
    /// the participants did. The next ceremony starts with the rest, if they are enough; else, or when no
    /// transcript has such a majority, the study ends.
    function failCeremony(uint256 studyId) external;

    /// @notice Where the ceremony stands.
    function ceremonyState(uint256 studyId) external view returns (CeremonyState memory);

    /// @notice What a hospital posted in a step, or zero.
    function ceremonyDigest(uint256 studyId, uint32 ceremony, CeremonyStep step, uint32 hospitalId)
        external
        view
        returns (bytes32);
}
