"""Entry point of `python -m picard.smoke URL`; the code is in picard/observability/smoke.py."""

from picard.observability.smoke import main

if __name__ == "__main__":
    main()
