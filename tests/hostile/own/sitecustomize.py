HAS_RUN = True
