"""``python -m onboarding`` is ``flexpay-onboard``."""

from onboarding.cli import main

main()
