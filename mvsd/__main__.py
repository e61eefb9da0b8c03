"""`python -m mvsd`."""

from mvsd.cli import main

if __name__ == "__main__":
    main()
