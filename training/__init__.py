"""The data engine and the training of the denoisers. Never installed on the robot."""
