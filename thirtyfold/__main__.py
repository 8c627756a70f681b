"""``python -m thirtyfold``."""

from thirtyfold.cli import main

if __name__ == "__main__":
    main()
