"""The models: the routes, and the schemas of their responses."""

from qwen_gateway.errors import ModelUnknown
from tools.openapi.operations import ERRORS_OF_ALL_ROUTES, Operation, build_path_parameter
from tools.openapi.schemas import COUNT, build_closed_object

MODEL = {
    "type": "object",
    "required": ["id", "object", "created", "owned_by"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "description": "The name that a request's `model` may have."},
        "object": {"const": "model"},
        "created": {**COUNT, "description": "Seconds since 1970; 0 when nothing is known of the model."},
        "owned_by": {"type": "string"},
        "context_length": {"type": "integer", "description": "Tokens of input; missing if unknown."},
        "max_output_tokens": {"type": "integer", "description": "Tokens of output; missing if unknown."},
        "dimensions": {
            "type": "array",
            "items": {"type": "integer"},
            "description": "Only of a model that gives embeddings: the lengths of vector, the default first.",
        },
    },
}
MODEL_LIST = build_closed_object(
    {
        "object": {"const": "list"},
        "data": {"type": "array", "items": {"$ref": "#/components/schemas/Model"}},
    }
)

OPERATIONS = {
    ("GET", "/v1/models"): Operation(
        id="listModels",
        summary="List the models",
        description="Every name that a request's `model` may have, aliases included.",
        response="ModelList",
    ),
    ("GET", "/v1/models/{model+}"): Operation(
        id="retrieveModel",
        summary="Show one model",
        description="One entry of the list.",
        response="Model",
        errors=(*ERRORS_OF_ALL_ROUTES, ModelUnknown),
        parameters=(build_path_parameter("model", "Its name. Slashes in it may stand as they are, or as %2F."),),
    ),
}
