"""`make report`: how the product behaves when services fail, written from runs."""
