print("nothing to train here")
