"""How much burned-in text is found, and what else is lost for it, beside other tools on the same images."""
