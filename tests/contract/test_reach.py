"""Who can reach the gateway: web ACL, addresses, custom domain, private endpoint, IAM authorization.

The tests read the transformed template with each parameter set and unset: the emulated AWS has no web ACLs and checks
neither policies nor signatures.
"""

from typing import Any

import pytest

from tests.contract.served_routes import SERVED
from tests.contract.template import MODERN_TLS, Template, find_resource, find_resources, resolve, transform

DOMAIN = {"DomainName": "llm.example.com", "CertificateArn": "arn:aws:acm:eu-central-1:111122223333:certificate/x"}
WEB_ACL = {"WebAclArn": "arn:aws:wafv2:eu-central-1:111122223333:regional/webacl/gateway/x"}
CIDRS = {"AllowedCidrs": "203.0.113.0/24, 198.51.100.7/32"}
PRIVATE = {"VpcEndpointIds": "vpce-0123456789abcdef0,vpce-0fedcba9876543210"}
SIGNED = {"ApiAuth": "AWS_IAM"}
ACCOUNT = {"AWS": "arn:aws:iam::111122223333:root"}
REACH = ("AWS::WAFv2::WebACLAssociation", "AWS::ApiGateway::DomainName", "AWS::ApiGateway::BasePathMapping")


@pytest.fixture(scope="module")
def signed_template() -> Template:
    """Return the template of a stack with IAM authorization, which SAM transforms differently."""
    return transform(parameters=SIGNED)


def list_resources(template: Template, parameters: dict[str, str]) -> set[str]:
    """Return the types of the resources of this file that a stack with these parameters has."""
    return {
        each["Type"]
        for each in template["Resources"].values()
        if each["Type"] in REACH and resolve(template, {"Condition": each["Condition"]}, parameters)
    }


def resolve_api(template: Template, parameters: dict[str, str]) -> Any:
    return resolve(template, find_resource(template, "AWS::ApiGateway::RestApi"), parameters)


def resolve_policy(template: Template, parameters: dict[str, str]) -> list[dict[str, Any]]:
    """Return the statements of the API's resource policy."""
    statements: list[dict[str, Any]] = resolve_api(template, parameters)["Body"]["x-amazon-apigateway-policy"][
        "Statement"
    ]
    return statements


def resolve_output(template: Template, name: str, parameters: dict[str, str]) -> Any:
    return resolve(template, template["Outputs"][name]["Value"], parameters)


def list_security(template: Template) -> dict[tuple[str, str], Any]:
    """Return what each method of the API requires."""
    paths = find_resource(template, "AWS::ApiGateway::RestApi")["Body"]["paths"]
    return {
        (method, path): operation.get("security") for path, each in paths.items() for method, operation in each.items()
    }


def test_by_default_nothing_is_added(template: Template) -> None:
    assert list_resources(template, {}) == set()
    assert "VpcEndpointIds" not in resolve_api(template, {})["EndpointConfiguration"]


@pytest.mark.parametrize(("parameters", "kinds"), [(WEB_ACL, set(REACH[:1])), (DOMAIN, set(REACH[1:]))])
def test_a_parameter_adds_its_resources_alone(template: Template, parameters: dict[str, str], kinds: set[str]) -> None:
    assert list_resources(template, parameters) == kinds


def test_the_web_acl_is_associated_with_the_stage(template: Template) -> None:
    association = resolve(template, find_resource(template, "AWS::WAFv2::WebACLAssociation"), WEB_ACL)
    (stage,) = find_resources(template, "AWS::ApiGateway::Stage")

    assert association == {
        "WebACLArn": WEB_ACL["WebAclArn"],
        "ResourceArn": f"arn:aws:apigateway:eu-central-1::/restapis/Api/stages/{stage}",
    }


@pytest.mark.parametrize(
    ("parameters", "conditions"),
    [
        ({}, []),
        (CIDRS, [{"NotIpAddress": {"aws:SourceIp": ["203.0.113.0/24", "198.51.100.7/32"]}}]),
        (PRIVATE, [{"StringNotEquals": {"aws:SourceVpce": PRIVATE["VpcEndpointIds"].split(",")}}]),
    ],
)
def test_the_resource_policy_denies_all_other_networks(
    template: Template, parameters: dict[str, str], conditions: list[Any]
) -> None:
    """On every method of every path, preflights and unknown routes included."""
    allow, *denials = resolve_policy(template, parameters)

    assert (allow["Effect"], allow["Principal"], "Condition" in allow) == ("Allow", "*", False)
    assert [each["Condition"] for each in denials] == conditions
    assert {(each["Effect"], each["Principal"]) for each in denials} <= {("Deny", "*")}
    for statement in (allow, *denials):
        assert (statement["Action"], statement["Resource"]) == ("execute-api:Invoke", "execute-api:/*")


@pytest.mark.parametrize("parameters", [{}, CIDRS, PRIVATE])
def test_with_iam_authorization_the_policy_admits_the_own_account_alone(
    signed_template: Template, parameters: dict[str, str]
) -> None:
    """`*` would admit every identity of every account that its own account permits to call."""
    statements = resolve_policy(signed_template, parameters | SIGNED)

    assert [each["Principal"] for each in statements if each["Effect"] == "Allow"] == [ACCOUNT]
    assert len(statements) == (2 if parameters else 1)


def test_the_custom_domain_has_the_tls_policy_of_the_api(template: Template) -> None:
    assert resolve(template, find_resource(template, "AWS::ApiGateway::DomainName"), DOMAIN) == {
        "DomainName": "llm.example.com",
        "RegionalCertificateArn": DOMAIN["CertificateArn"],
        "EndpointConfiguration": {"Types": ["REGIONAL"]},
        "SecurityPolicy": MODERN_TLS,
        "EndpointAccessMode": "STRICT",
    }


def test_the_custom_domain_leads_to_the_stage_without_a_base_path(template: Template) -> None:
    (stage,) = find_resources(template, "AWS::ApiGateway::Stage")

    mapping = resolve(template, find_resource(template, "AWS::ApiGateway::BasePathMapping"), DOMAIN)
    assert mapping == {"DomainName": "Domain", "RestApiId": "Api", "Stage": stage}


@pytest.mark.parametrize(
    ("parameters", "base_url"),
    [
        ({}, "https://Api.execute-api.eu-central-1.amazonaws.com/api/v1"),
        (
            {"AWS::Region": "cn-north-1", "AWS::URLSuffix": "amazonaws.com.cn"},
            "https://Api.execute-api.cn-north-1.amazonaws.com.cn/api/v1",
        ),
        (DOMAIN, "https://llm.example.com/v1"),
        (PRIVATE, "https://Api-vpce-0123456789abcdef0.execute-api.eu-central-1.amazonaws.com/api/v1"),
    ],
)
def test_the_base_url_is_the_one_that_clients_reach(
    template: Template, parameters: dict[str, str], base_url: str
) -> None:
    assert resolve_output(template, "BaseUrl", parameters) == base_url


def test_the_target_of_the_dns_record_is_an_output(template: Template) -> None:
    output = template["Outputs"]["DomainTarget"]

    assert (output["Condition"], output["Value"]) == ("HasDomain", {"Fn::GetAtt": ["Domain", "RegionalDomainName"]})


def test_a_private_api_has_its_endpoints_and_the_same_tls_policy(template: Template) -> None:
    api = resolve_api(template, PRIVATE)

    assert api["EndpointConfiguration"] == {
        "Types": ["PRIVATE"],
        "VpcEndpointIds": PRIVATE["VpcEndpointIds"].split(","),
    }
    assert api["Parameters"]["endpointConfigurationTypes"] == "PRIVATE"
    # AWS requires BASIC where the host is not that of private DNS, as in the base URL above.
    assert (api["SecurityPolicy"], api["EndpointAccessMode"]) == (MODERN_TLS, "BASIC")


def test_without_iam_authorization_no_method_requires_a_signature(template: Template) -> None:
    assert set(map(str, list_security(template).values())) == {"None"}


def test_with_iam_authorization_every_method_but_preflights_requires_a_signature(signed_template: Template) -> None:
    """Unknown routes, too: a stranger gets the same answer on every path, and the owner pays for no rejected call."""
    security = list_security(signed_template)
    assert {(method.upper(), path) for method, path in security} >= SERVED

    for (method, path), required in security.items():
        assert required == (None if method == "options" else [{"AWS_IAM": []}]), (method, path)
    schemes = find_resource(signed_template, "AWS::ApiGateway::RestApi")["Body"]["components"]["securitySchemes"]
    assert schemes["AWS_IAM"]["x-amazon-apigateway-authtype"] == "awsSigv4"


def test_with_iam_authorization_callers_need_no_permission_on_the_functions(signed_template: Template) -> None:
    """SAM's default invokes the function with the caller's credentials, so that the caller could skip API Gateway."""
    for methods in find_resource(signed_template, "AWS::ApiGateway::RestApi")["Body"]["paths"].values():
        for operation in methods.values():
            assert "credentials" not in operation["x-amazon-apigateway-integration"]
