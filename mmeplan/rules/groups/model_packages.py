"""Models made of a package of the model registry (MDL; MDL-35 to MDL-37 stand with the other containers)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mmeplan.live.ports import Answer
from mmeplan.rules.artifacts import containers
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.facts import Container, FleetFacts, lies_elsewhere
from mmeplan.rules.online import OnlineRule, Question
from mmeplan.rules.rule import Hit, Rule

_EXAMPLE: Final = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/ranker/3"
_PACKAGE: Final = ("image", "model_data_url")
_GOOD: Final = fleet_file(container=f"model_package_name: {_EXAMPLE}", without=_PACKAGE)


def _bad(arn: str) -> str:
    return fleet_file(container=f"model_package_name: {arn}  # here", without=_PACKAGE)


class PackageOfTheRegion(Rule):
    id = "MDL-43"
    title = "A model package lies in the fleet's region"
    severity = "error"
    basis = "obs"
    source = 'CreateModel answers "ARN should be scoped to correct region" (amazon-sagemaker-examples 1438 and 1444)'
    why = "SageMaker makes models of packages of its own region only; registries don't reach across regions."
    fix = "Name the package of this region; `{{ region }}` in the ARN keeps one file good for several."
    bad = _bad(_EXAMPLE.replace("eu-west-1", "us-east-1"))
    good = _GOOD
    members = ("ModelPackageName",)

    def container(self, container: Container) -> Iterator[Hit]:
        package, scope = container.package, container.owner.scope
        if package is None or scope.region is None:
            return
        path = (*container.path, "ModelPackageName")
        if package.partition != scope.partition:
            yield (
                path,
                f"the package is in the partition {package.partition}, but {scope.region} is in {scope.partition}",
            )
        elif package.region and package.region != scope.region:
            yield path, lies_elsewhere("package", package.region, scope.region)


class PackageOfTheAccount(Rule):
    id = "MDL-44"
    title = "A model package is of the fleet's account, or shared with it"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, model-registry-deploy-xaccount: the group's resource policy must let the account in"
    why = (
        "A package of another account can be used where its group's policy lets this account in, and the image, the "
        "artifact and their key do so too. AWS Marketplace's own packages are left out."
    )
    fix = "Correct the account, or allow this with the reason that the package is shared."
    bad = _bad(_EXAMPLE.replace("123456789012", "210987654321"))
    good = _GOOD
    members = ("ModelPackageName",)

    def container(self, container: Container) -> Iterator[Hit]:
        package, scope = container.package, container.owner.scope
        if package is None or scope.account is None or package.account == scope.account or container.marketplace:
            return
        path = (*container.path, "ModelPackageName")
        yield path, f"the package is of the account {package.account}, but the fleet is bound to {scope.account}"


class PackageNotGroup(Rule):
    id = "MDL-45"
    title = "A model package is a package, and not the group of its versions"
    severity = "error"
    basis = "inf"
    source = "Developer Guide, model-registry-models: a version's ARN ends in model-package/GROUP/VERSION"
    why = "A group holds versions and can't be hosted; the shape of the name takes any kind of ARN."
    fix = "Name a version: arn:aws:sagemaker:REGION:ACCOUNT:model-package/GROUP/VERSION."
    bad = _bad("arn:aws:sagemaker:eu-west-1:123456789012:model-package-group/ranker")
    good = _GOOD
    members = ("ModelPackageName",)

    def container(self, container: Container) -> Iterator[Hit]:
        package = container.package
        if package is None or package.kind == "model-package":
            return
        path = (*container.path, "ModelPackageName")
        if package.kind == "model-package-group":
            yield (
                path,
                f"{package.name!r} is a group of model packages; one of its versions is model-package/{package.name}/1",
            )
        else:
            yield path, f"the ARN is of a {package.kind}, and not of a model-package"


class PackageIsApproved(OnlineRule):
    id = "MDL-46"
    title = "A model package is approved"
    severity = "error"
    basis = "inf"
    source = "botocore sagemaker/2017-07-24, CreateModelPackageInput.ModelApprovalStatus: Approved to deploy the model"
    why = "A version of the model registry can be deployed once it is Approved, and its own making is Completed."
    fix = (
        "Approve the version (`aws sagemaker update-model-package --model-approval-status Approved`), or name another."
    )
    reads = ("DescribeModelPackage",)
    given = "The version waits for approval."
    bad = _bad(_EXAMPLE.replace("/3", "/4"))
    good = _GOOD

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for container in containers(facts):
            name, package = container.spec.get("ModelPackageName"), container.package
            if name and (package is None or package.kind == "model-package"):
                path = (*container.path, "ModelPackageName")
                yield Question(container.owner.resource, path, name, "DescribeModelPackage", {"ModelPackageName": name})

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        approval, status = answer.get("ModelApprovalStatus"), answer.get("ModelPackageStatus")
        if not answer:
            yield f"there is no model package {question.value!r}"
        elif status and status != "Completed":
            yield f"the model package {question.value!r} is {status}"
        elif approval and approval != "Approved":
            yield f"the model package {question.value!r} is {approval}, and only what is Approved can be deployed"
