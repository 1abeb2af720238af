import toy

toy.train(steps=1)
