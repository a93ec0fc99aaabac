"""An encrypted place for the partner's credentials. The program never sees a value."""

import json
from collections.abc import Mapping, Sequence
from typing import TypedDict

import pulumi
from pulumi_aws import iam, kms, secretsmanager

from stacks import policies
from stacks.contract import secret_name
from stacks.labels import Labels
from stacks.protection import Kind, options
from stacks.schema import IamSettings, MerchantSettings, SecretsSettings


class SecretsStoreArgs(TypedDict):
    """What the store is made of."""

    merchants: Sequence[MerchantSettings]
    secrets: SecretsSettings
    region: str
    account_id: str
    labels: Labels
    iam: IamSettings
    protect: bool


class SecretsStore(pulumi.ComponentResource):
    """A key, one empty secret per merchant, and the policies of those who read and write."""

    key_arn: pulumi.Output[str]
    secret_arns: Mapping[str, pulumi.Output[str]]
    """By merchant."""
    reader_policy_arn: pulumi.Output[str]
    """Managed policy for roles of this account that read the credentials."""

    def __init__(self, name: str, args: SecretsStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("flexpay:index:SecretsStore", name, {}, opts)
        self._name = name
        self._args = args
        self._labels = args["labels"]
        self._kept = options(Kind.STORE, protect=args["protect"], parent=self)
        key = self._key()
        self.key_arn = key.arn
        self.secret_arns = {
            merchant.name: self._secret(merchant.name, key)
            for merchant in sorted(args["merchants"], key=lambda merchant: merchant.name)
        }
        self.reader_policy_arn = self._managed_policy(
            "reader", "Reads the Flex Pay credentials", policies.reader_policy, key
        )
        self._managed_policy(
            "writer", "Hands in Flex Pay credentials and cannot read them", policies.writer_policy, key
        )
        self.register_outputs({"keyArn": self.key_arn})

    def _key(self) -> kms.Key:
        args = self._args
        environment = self._labels.environment
        key = kms.Key(
            self._name,
            description=f"Flex Pay credentials of {environment}",
            enable_key_rotation=True,
            deletion_window_in_days=args["secrets"].key_deletion_window_days,
            policy=json.dumps(
                policies.key_policy(args["account_id"], args["region"], args["secrets"].readers)
            ),
            tags=self._labels.tags("credentials"),
            opts=self._kept,
        )
        kms.Alias(
            self._name,
            name=f"alias/{self._labels.prefixed}",
            target_key_id=key.id,
            opts=self._kept,
        )
        return key

    def _secret(self, merchant: str, key: kms.Key) -> pulumi.Output[str]:
        args = self._args
        named = secret_name(self._labels.environment, merchant)
        secret = secretsmanager.Secret(
            f"{self._name}-{merchant}",
            name=named,
            description=f"Flex Pay client credentials of {merchant}; written by flexpay-onboard only",
            kms_key_id=key.arn,
            recovery_window_in_days=args["secrets"].recovery_window_days,
            tags=self._labels.tags(f"credentials-{merchant}"),
            opts=self._kept,
        )
        secretsmanager.SecretPolicy(
            f"{self._name}-{merchant}",
            secret_arn=secret.arn,
            policy=json.dumps(
                policies.secret_policy(args["account_id"], args["region"], args["secrets"].readers)
            ),
            block_public_policy=True,
            opts=self._kept,
        )
        return secret.arn

    def _managed_policy(
        self, who: str, description: str, document: policies.EnvironmentPolicy, key: kms.Key
    ) -> pulumi.Output[str]:
        args = self._args
        environment = self._labels.environment
        return iam.Policy(
            f"{self._name}-{who}",
            name=self._labels.name(f"{args['region']}-{who}"),
            path=args["iam"].path,
            description=f"{description} of {environment} in {args['region']}",
            policy=key.arn.apply(
                lambda arn: json.dumps(document(args["account_id"], args["region"], environment, arn))
            ),
            tags=self._labels.tags(f"credentials-{who}"),
            opts=self._kept,
        ).arn
