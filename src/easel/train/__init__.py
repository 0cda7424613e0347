"""The starter model's trainer: a drawn world, a text encoder, an autoencoder and a v-prediction UNet.

Each stage is one file that reads top to bottom. `runs/starter_cpu.sh` names the stages in order.
"""
