"""The whole relocation study as one report: counted, observed and simulated firms in chapters of their own."""
