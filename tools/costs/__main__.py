"""`make costs`: write the costs into the documents. It reads the transformed template from standard input."""

import json
import sys

from tools.costs import load_prices, update_documents

if __name__ == "__main__":
    for document, text in update_documents(json.load(sys.stdin), load_prices()).items():
        document.write_text(text, encoding="utf-8")
        print(f"{document.name} updated.")
