"""A stack with a custom domain and an address list deploys on the emulated AWS, which enforces neither."""

from typing import Any

import boto3

PARAMETERS = {
    "Stage": "local",
    "DomainName": "llm.example.com",
    "CertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/x",
    "AllowedCidrs": "203.0.113.0/24,198.51.100.7/32",
}
NAME = "reach"


def test_a_stack_with_a_custom_domain_is_created(stack: dict[str, Any]) -> None:
    account: dict[str, Any] = {
        "endpoint_url": stack["aws_endpoint_url"],
        "region_name": "us-east-1",
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
    }
    cloudformation, gateway = boto3.client("cloudformation", **account), boto3.client("apigateway", **account)
    template = copy_template(boto3.client("s3", **account), cloudformation, stack)
    parameters = PARAMETERS | {"AwsEndpointUrl": stack["aws_endpoint_url"]}

    cloudformation.create_stack(
        StackName=NAME,
        TemplateURL=f"{stack['aws_endpoint_url']}/{template}",
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName=NAME, WaiterConfig={"Delay": 1})
    try:
        [created] = cloudformation.describe_stacks(StackName=NAME)["Stacks"]
        outputs = {each["OutputKey"]: each["OutputValue"] for each in created["Outputs"]}
        domain = gateway.get_domain_name(domainName="llm.example.com")
        [mapping] = gateway.get_base_path_mappings(domainName="llm.example.com")["items"]
    finally:
        cloudformation.delete_stack(StackName=NAME)

    assert outputs["BaseUrl"] == "https://llm.example.com/v1"
    assert outputs["DomainTarget"] == domain["regionalDomainName"]
    assert (mapping["basePath"], mapping["stage"]) == ("(none)", "api")


def copy_template(s3: Any, cloudformation: Any, stack: dict[str, Any]) -> str:
    """Store the packaged template of the running stack, which is too long to be sent, and return its bucket and key."""
    template = cloudformation.get_template(StackName=stack["stack_name"], TemplateStage="Original")["TemplateBody"]
    bucket = s3.list_buckets()["Buckets"][0]["Name"]
    s3.put_object(Bucket=bucket, Key=f"{NAME}.yaml", Body=template.encode())
    return f"{bucket}/{NAME}.yaml"
