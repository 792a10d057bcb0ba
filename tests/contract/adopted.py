"""Parameters that adopt the state of an earlier stack, with names as CloudFormation gives them."""

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:ProviderKeysSecret-aB3dE5gH7jK9-AbCdEf"
ADOPTED = {
    "ExistingKeysTable": "qwen-gateway-prod-KeysTable-1A2B3C4D5E6F7",
    "ExistingUsageTable": "qwen-gateway-prod-UsageTable-1A2B3C4D5E6F7",
    "ExistingProviderKeysSecret": SECRET,
}
