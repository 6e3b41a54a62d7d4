"""The layers and ladders themselves: list, serve and check them."""
