"""``python -m scanward``."""

from scanward.cli.main import main

if __name__ == "__main__":
    main()
