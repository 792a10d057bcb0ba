"""`qwen-gateway doctor`: checks every configured provider and the AWS account for what stops the gateway."""
