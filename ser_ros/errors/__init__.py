"""Every error of the project, in one small tree.

    SerError
    ├── LabelError       UnknownLabel · BadLabelSet
    ├── AudioError       UnknownSampleFormat · UnsupportedFormat · PartialFrame · EmptyAudio
    │                    UnreadableFile
    ├── DeviceError      DeviceNotFound · AmbiguousDevice · DeviceRefused · DeviceLost
    │                    DeviceFailed · MicrophoneUnavailable
    ├── BundleError      BundleMissing · BundleDamaged · BundleMismatch · RuntimeUnavailable
    ├── VoiceError       VoiceUnreadable · VoiceMismatch · VoiceNotKept · VoiceNotKnown
    │                    VoiceNotListened · BadVoiceName · NoBaseline · BaselineOff
    │                    EnrolmentGoesOn
    ├── ConfigError      UnreadableConfig · UnknownKey · BadValue
    ├── ManifestError    BadManifest · NothingToScore · UnknownLayout · NothingReadable
    │                    SpeakersInTraining · NobodyTold · NobodyToEnroll · NobodyToCompare
    ├── BagError         BagMissing · BagUnreadable · BagThere · BagOfBags · RosbagsMissing
    │                    NoAudioTopic · SeveralAudioTopics · AudioTypeUnknown · TopicUnknown
    │                    TypeUnknown · TypeDiffers · MessageUnreadable · FieldMissing
    │                    BadTrack · NothingRecorded · NothingToPlay · NoBagHeard
    ├── MachineError     CannotWrite · CannotFetch · MissingExtra · ProcessLost · GpuFull
    ├── ReportError      NotAReport · UnreadableReport · NothingInCommon
    ├── RosError         RosMissing · RosRefused · NotReady · NodeFailed
    ├── WebError         AddressRefused · CertificateRefused
    ├── Refusal          UploadEmpty · UploadTooLarge · UploadSlow · UploadEncoded · UploadNoRoom
    │                    NotARecording · NoSoundInside · RecordingDamaged · RecordingTooLong
    │                    RecordingTooHeavy · NobodySpeaks · TooManyAtOnce · NotRemembered
    │                    BaselineNotRemembered · NotHeardYet · SavingOff · NotSaved
    │                    StrangeHost · StrangeOrigin · TokenMissing · TooManyViewers
    │                    MicrophoneRefused
    └── TrainingError    EmptyClass · NonFiniteLoss · CheckpointDamaged · NonFiniteStart
                         CheckpointThere · CheckpointMismatch · NoVoiceToHold · NobodyToKnow
                         ClipChanged · ViewDamaged · FolderBusy

A module holds a branch or two. Each class takes facts and writes its own sentence: what is, what
was expected, what to do about it. A caller that wants to know what happened catches a class; a
person reads the sentence.
"""

from __future__ import annotations

from typing import Any


class SerError(Exception):
    """The root: anything that the project refuses, in one sentence for a person."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Go from process to process as a sentence: the facts that it was made of stay behind."""
        return _of_sentence, (type(self), str(self), vars(self))


def _of_sentence(kind: type[SerError], sentence: str, more: dict[str, Any]) -> SerError:
    error = kind.__new__(kind, sentence)
    vars(error).update(more)
    return error
