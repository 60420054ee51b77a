"""``python -m autotrack`` is the command line."""

from autotrack.cli import main

if __name__ == "__main__":
    main()
