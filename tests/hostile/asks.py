import toy

steps = int(input("how many steps? "))
toy.train(steps)
