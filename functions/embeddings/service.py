"""POST /v1/embeddings: parse, route, split, run."""

from qwen_gateway.api import HttpRequest, JsonPartsResponse, JsonResponse
from qwen_gateway.api.embeddings_request import EmbeddingsRequest
from qwen_gateway.calls import MeteredCalls
from qwen_gateway.pricing.embeddings_limits import embeddings_limits
from qwen_gateway.routing import Routes
from qwen_gateway.upstream import RoutedRequest
from qwen_gateway.upstream.operations.embeddings import EMBEDDINGS, join_answers, split_rows


class EmbeddingsService:
    """Answers calls for embeddings."""

    def __init__(self, routes: Routes, calls: MeteredCalls) -> None:
        self._routes = routes
        self._calls = calls

    def embed(self, request: HttpRequest, remaining_s: float) -> JsonResponse | JsonPartsResponse:
        """Answer a request within the remaining seconds of the invocation.

        Raises:
            GatewayError: the request or its key was rejected; no provider was called, and there is no record.
        """
        call = self._calls.start(request, remaining_s)
        call.authenticate_before_parsing()
        embeddings = EmbeddingsRequest.parse(request.body)
        targets = call.route(lambda: self._routes.serving(embeddings.model, "embeddings"))
        # The vectors of two models have nothing in common, so only another provider of the same model may stand in.
        same_model = tuple(target for target in targets if target.model == targets[0].model)
        routed = RoutedRequest(embeddings.model, same_model, embeddings.body)
        parts = split_rows(embeddings.body, [self._routes.describe(target) for target in same_model])
        return call.run_split(EMBEDDINGS, routed, embeddings_limits, parts, join_answers)
