"""Images: to one size, and, in training, each time a little different.

image_layer      what they share: one image or a batch, data formats, factors and ranges
steps            cutting, framing and resizing as steps, each with its backward
resizing         Resizing and CenterCrop
random_layer     drawing and applying apart; random in training, the identity at inference
random_flip random_crop    mirrored, cut out
affine           images sampled at places that a matrix tells
random_affine    RandomRotation, RandomZoom, RandomTranslation
random_color     RandomContrast, RandomBrightness
"""
