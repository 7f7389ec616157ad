"""Instance types and what they allow: volumes, keys, accelerators, shells (group CFG, second half)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from mmeplan.aws.instances import family, has_local_nvme
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.facts import Config, Variant
from mmeplan.rules.rule import Hit, Rule

UNLISTED_STORAGE: Final = ("g7e", "trn2", "p6-b200", "p6-b300", "p6e-gb200", "inf2")
"""Accelerator families of which no AWS document says whether they take a volume."""


class NoAccelerator(Rule):
    id = "CFG-13"
    title = "No Elastic Inference accelerator"
    severity = "error"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, ProductionVariant.AcceleratorType: no longer supported"
    why = "Elastic Inference has ended."
    fix = "Drop `accelerator_type`; choose a GPU or Inferentia instance type where the model needs one."
    bad = fleet_file(variant="accelerator_type: ml.eia2.medium  # here")
    good = fleet_file()
    members = ("AcceleratorType",)

    def variant(self, variant: Variant) -> Iterator[Hit]:
        yield (*variant.path, "AcceleratorType"), "Elastic Inference accelerators are no longer supported"


class VolumeOnNvme(Rule):
    id = "CFG-16"
    title = "An instance with local NVMe takes no volume size"
    severity = "error"
    basis = "obs"
    source = (
        "SageMaker Python SDK, utils.volume_size_supported; CreateEndpointConfig answers "
        '"VolumeSize parameter is not allowed for the selected Instance type"'
    )
    why = "These instances store on their own NVMe disks; there is no EBS volume whose size could be chosen."
    fix = "Drop `volume_size_in_gb`, or choose an instance type without local storage."
    bad = fleet_file(variant="instance_type: ml.g5.2xlarge\nvolume_size_in_gb: 256  # here")
    good = fleet_file(variant="volume_size_in_gb: 256")
    members = ("VolumeSizeInGB",)

    def variant(self, variant: Variant) -> Iterator[Hit]:
        for _, kind in variant.instance_types():
            if has_local_nvme(kind):
                yield (*variant.path, "VolumeSizeInGB"), f"`{kind}` stores on local NVMe and takes no volume size"


class VolumeUnlisted(Rule):
    id = "CFG-17"
    title = "A volume size is known to fit the instance family"
    severity = "warning"
    basis = "inf"
    source = "SageMaker Python SDK, utils.volume_size_supported: the family is not covered"
    why = (
        "No AWS document says whether the newest accelerator families take a volume; the service may refuse the config."
    )
    fix = "Try it once; where it works, allow this with that reason."
    bad = fleet_file(variant="instance_type: ml.inf2.xlarge\nvolume_size_in_gb: 256  # here")
    good = fleet_file(variant="volume_size_in_gb: 256")
    members = ("VolumeSizeInGB",)

    def variant(self, variant: Variant) -> Iterator[Hit]:
        for _, kind in variant.of_family(*UNLISTED_STORAGE):
            yield (*variant.path, "VolumeSizeInGB"), f"whether {kind} takes a volume size is not documented"


class KeyOnNvme(Rule):
    id = "CFG-18"
    title = "A config with a local-NVMe instance has no KMS key"
    severity = "error"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, CreateEndpointConfigInput.KmsKeyId: the call fails"
    why = (
        "The key encrypts the EBS volume. Local NVMe is encrypted by the hardware, and the call fails if a "
        "key is given."
    )
    fix = "Drop `kms_key_id`, or choose instance types without local storage."
    bad = fleet_file(config="kms_key_id: alias/ranker  # here", variant="instance_type: ml.g5.2xlarge")
    good = fleet_file(config="kms_key_id: alias/ranker")
    members = ("KmsKeyId",)

    def config(self, config: Config) -> Iterator[Hit]:
        for variant in config.variants:
            for _, kind in variant.instance_types():
                if has_local_nvme(kind):
                    yield ("KmsKeyId",), f"the variant {variant.name!r} runs on {kind}, which stores on local NVMe"


class ShellAccess(Rule):
    id = "CFG-22"
    title = "Nobody opens a shell in production containers"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, ssm-access; botocore ProductionVariant.EnableSSMAccess"
    why = "`enable_ssm_access` gives a shell in the containers to whoever may use Systems Manager in the account."
    fix = "Turn it on for the hour in which you debug, or allow this with the reason."
    bad = fleet_file(variant="enable_ssm_access: true  # here")
    good = fleet_file(variant="enable_ssm_access: false")
    members = ("EnableSSMAccess",)

    def variant(self, variant: Variant) -> Iterator[Hit]:
        if variant.spec["EnableSSMAccess"]:
            yield (*variant.path, "EnableSSMAccess"), f"the variant {variant.name!r} can be entered with a shell"


class PoolsAreAlternatives(Rule):
    id = "CFG-28"
    title = "Instance pools stand alone, each with its own priority"
    severity = "error"
    basis = "inf"
    source = "botocore sagemaker/2017-07-24, ProductionVariant.InstancePools"
    why = "Pools take the place of `instance_type`, and their priorities are the order in which they are tried."
    fix = "Make the instance type the pool of priority 1, and number the pools."
    bad = fleet_file(variant="instance_pools: [{instance_type: ml.m5.2xlarge, priority: 1}]  # here")
    good = fleet_file(
        variant="instance_pools: [{instance_type: ml.m5.xlarge, priority: 1}, {instance_type: ml.m5.2xlarge, "
        "priority: 2}]",
        without=("instance_type",),
    )
    members = ("InstancePools",)

    def variant(self, variant: Variant) -> Iterator[Hit]:
        path = (*variant.path, "InstancePools")
        if "InstanceType" in variant.spec:
            yield path, f"the variant {variant.name!r} has `instance_pools` and `instance_type`"
        counts: Counter[int] = Counter()
        for index, pool in enumerate(variant.spec["InstancePools"]):
            priority = pool.get("Priority")
            counts[priority] += 1
            if priority is not None and counts[priority] == 2:
                yield (*path, index, "Priority"), f"two pools have the priority {priority}"


class Burstable(Rule):
    id = "CFG-37"
    title = "No burstable instances in a fleet"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, endpoint-auto-scaling-add-console: no autoscaling on T2"
    why = "T2 instances run out of CPU credits under load, which is when they matter, and can't be autoscaled."
    fix = "Choose an m, c or r family; ml.t2 is for trying things out."
    bad = fleet_file(variant="instance_type: ml.t2.medium  # here")
    good = fleet_file()
    members = ("InstanceType", "InstancePools")

    def variant(self, variant: Variant) -> Iterator[Hit]:
        for path, kind in variant.instance_types():
            if family(kind) == "t2":
                yield path, f"`{kind}` is burstable"


class AmiFitsInstance(Rule):
    id = "CFG-24"
    title = "An inference AMI is for the accelerator of the instance"
    severity = "warning"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, ProductionVariant.InferenceAmiVersion: each names its accelerator"
    why = "The AMI brings the accelerator's driver: GPU for g and p families, Neuron for Inferentia2 and Trainium."
    fix = "Choose the AMI of the accelerator, or drop `inference_ami_version`."
    bad = fleet_file(variant="inference_ami_version: al2-ami-sagemaker-inference-gpu-2  # here")
    good = fleet_file(variant="instance_type: ml.g5.xlarge\ninference_ami_version: al2-ami-sagemaker-inference-gpu-2")
    members = ("InferenceAmiVersion",)

    def variant(self, variant: Variant) -> Iterator[Hit]:
        ami = variant.spec["InferenceAmiVersion"]
        wanted = next((accelerator for accelerator in ("gpu", "neuron") if f"-{accelerator}-" in ami), "")
        for _, kind in variant.instance_types():
            of_kind = "neuron" if family(kind).startswith(("inf", "trn")) else "gpu" if family(kind)[:1] in "gp" else ""
            if wanted and family(kind) and of_kind != wanted:
                path = (*variant.path, "InferenceAmiVersion")
                yield (
                    path,
                    f"the AMI is for {wanted.upper() if wanted == 'gpu' else 'Neuron'} instances, not for `{kind}`",
                )


RULES: Final = (
    NoAccelerator(),
    VolumeOnNvme(),
    VolumeUnlisted(),
    KeyOnNvme(),
    ShellAccess(),
    PoolsAreAlternatives(),
    Burstable(),
    AmiFitsInstance(),
)
