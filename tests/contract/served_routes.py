"""The routes that the template serves."""

STREAMED = {
    ("POST", "/v1/chat/completions"): "ChatFunction",
    ("POST", "/v1/embeddings"): "EmbeddingsFunction",
    ("POST", "/v1/messages"): "MessagesFunction",
    ("POST", "/v1/messages/count_tokens"): "MessagesFunction",
    ("POST", "/v1/responses"): "ResponsesFunction",
    ("GET", "/v1/responses/{response_id}"): "ResponsesFunction",
    ("DELETE", "/v1/responses/{response_id}"): "ResponsesFunction",
    ("GET", "/v1/responses/{response_id}/input_items"): "ResponsesFunction",
}
"""The routes to functions on our loop. A response may be a stream, or larger than the 6 MB that Lambda buffers."""
SERVED = {*STREAMED, ("GET", "/v1/models"), ("GET", "/v1/models/{model+}"), ("GET", "/v1/usage")}
