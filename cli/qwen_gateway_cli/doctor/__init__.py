"""`qwen-gateway doctor`: asks every configured provider, and AWS, what could keep the gateway from answering."""
