"""The IAM actions that CloudFormation needs for a template, from the registry schemas that cfn-lint contains.

A schema lists what the handlers of its resource type may call, for every feature of the type. `UNUSED` has what this
project does not use, with the reason.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

REGION = "us-east-1"

EVERY_TYPE: Mapping[str, str] = {
    "kms:*": "keys of AWS encrypt everything; their own policies admit whoever may use the service",
}
"""Unused actions of any type, as patterns, with the reason."""

_VPC = "no function is in a VPC or mounts a file system"
_VERSION_SETTINGS = "versions and aliases have no provisioned concurrency, and runtimes are updated by Lambda"
_DATA = "CloudFormation reads and writes items only to import or replicate a table"
_STREAMS = "no table has a Kinesis stream, an import, a replica or a resource policy"
_LOG_FEATURES = "log groups have no data protection, index, delivery or resource policy"

UNUSED: Mapping[str, Mapping[str, str]] = {
    "AWS::Lambda::Function": {
        "ec2:*": _VPC,
        "elasticfilesystem:*": _VPC,
        "s3files:*": _VPC,
        "lambda:*CodeSigningConfig": "code is not signed",
        "lambda:Put*Config": _VERSION_SETTINGS,
        "lambda:AssociateRuntimeAlias": _VERSION_SETTINGS,
        "lambda:PassCapacityProvider": "no function runs on Managed Instances",
    },
    "AWS::Lambda::Version": {"lambda:Put*Config": _VERSION_SETTINGS},
    "AWS::Lambda::Alias": {
        "lambda:*tProvisionedConcurrencyConfig": _VERSION_SETTINGS,
        "lambda:DeleteProvisionedConcurrencyConfig": _VERSION_SETTINGS,
    },
    "AWS::DynamoDB::Table": {
        "dynamodb:*Item": _DATA,
        "dynamodb:Query": _DATA,
        "dynamodb:Scan": _DATA,
        "dynamodb:*Replica": _STREAMS,
        "dynamodb:*Import*": _STREAMS,
        "dynamodb:?*ableKinesisStreamingDestination": _STREAMS,
        "dynamodb:UpdateKinesisStreamingDestination": _STREAMS,
        "dynamodb:PutResourcePolicy": _STREAMS,
        "dynamodb:DeleteResourcePolicy": _STREAMS,
        "dynamodb:UpdateContributorInsights": "contributor insights cost money and are off",
        "kinesis:*": _STREAMS,
        "logs:*": _STREAMS,
        "s3:*": _STREAMS,
        "iam:CreateServiceLinkedRole": _STREAMS,
    },
    "AWS::Events::Rule": {"iam:PassRole": "Lambda admits the rule by a permission, without a role"},
    "AWS::IAM::Role": {
        "iam:*tachRolePolicy": "roles have inline policies only",
        "iam:*PermissionsBoundary": "roles have no permissions boundary",
    },
    "AWS::Logs::LogGroup": {
        "logs:*DataProtectionPolicy": _LOG_FEATURES,
        "logs:*IndexPolicy": _LOG_FEATURES,
        "logs:*eResourcePolicy": _LOG_FEATURES,
        "logs:PutResourcePolicy": _LOG_FEATURES,
        "logs:CreateLogDelivery": _LOG_FEATURES,
        "logs:PutBearerTokenAuthentication": _LOG_FEATURES,
        "logs:*ociateKmsKey": _LOG_FEATURES,
        "logs:PutLogGroupDeletionProtection": _LOG_FEATURES,
        "s3:REST.PUT.OBJECT": _LOG_FEATURES,
        "firehose:*": _LOG_FEATURES,
    },
    "AWS::SecretsManager::Secret": {
        "secretsmanager:Get*": "the template generates no value, and a deployer does not read provider keys",
        "secretsmanager:Re*": "the secret is not replicated",
    },
    "AWS::ApiGateway::RestApi": {
        "s3:GetObject": "the API's body is in the template",
        "iam:PassRole": "the API has no role",
    },
    "AWS::S3::Bucket": {
        "s3:Delete*": "no deployment deletes sam's bucket or a setting of it",
        **dict.fromkeys(
            (
                "iam:PassRole",
                "s3:*Abac",
                "s3:*AccelerateConfiguration",
                "s3:*Acl",
                "s3:*AnalyticsConfiguration",
                "s3:*CORS",
                "s3:*IntelligentTieringConfiguration",
                "s3:*InventoryConfiguration",
                "s3:*LifecycleConfiguration",
                "s3:*Logging",
                "s3:*Metadata*",
                "s3:*MetricsConfiguration",
                "s3:*Notification",
                "s3:*ObjectLockConfiguration",
                "s3:*OwnershipControls",
                "s3:*Replication*",
                "s3:*Website",
                "s3tables:*",
            ),
            "sam's bucket has versions, encryption, a policy and tags, and nothing else",
        ),
    },
    "AWS::SNS::Topic": {
        "iam:*": "the topic has no delivery logs",
        "sns:*DataProtectionPolicy": "the topic has no data protection policy",
    },
    "AWS::CodeDeploy::DeploymentGroup": {"codedeploy:RegisterOnPremisesInstance": "functions are no servers"},
    "AWS::WAFv2::WebACLAssociation": {
        "wafv2:*PermissionPolicy": "the web ACL is not shared between accounts",
        **dict.fromkeys(
            ("amplify:*", "apprunner:*", "appsync:*", "bedrock-agentcore:*", "cognito-idp:*", "ec2:*", "elastic*"),
            "the web ACL is for an API",
        ),
    },
    "AWS::S3::BucketPolicy": {"s3:DeleteBucketPolicy": "no deployment deletes sam's bucket"},
}
"""Unused actions by resource type, as patterns, with the reason."""


def find_needed_actions(resource_type: str) -> set[str]:
    """Return what the handlers of a type need to create, read, update, delete and tag a resource of this project."""
    listed = list_actions(resource_type)
    patterns = {**EVERY_TYPE, **UNUSED.get(resource_type, {})}
    return {action for action in listed if not any(fnmatchcase(action, pattern) for pattern in patterns)}


def find_stale_patterns(resource_type: str) -> set[str]:
    """Return the patterns of `UNUSED` for this type that match no action."""
    listed = list_actions(resource_type)
    return {
        pattern
        for pattern in UNUSED.get(resource_type, {})
        if not any(fnmatchcase(action, pattern) for action in listed)
    }


def list_actions(resource_type: str) -> set[str]:
    """Return all actions of the handlers of a type, without those of `list`, which no deployment calls."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, resource_type).schema
    handlers = {name: each for name, each in schema["handlers"].items() if name != "list"}
    tagging = schema.get("tagging", {}).get("permissions", [])
    return {action for each in handlers.values() for action in each.get("permissions", [])} | set(tagging)
