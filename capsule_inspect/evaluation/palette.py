"""The colours of figures: three of Okabe and Ito's palette ("Color universal design", 2008).

People tell them apart whatever colours they see.
"""

BLUE = "#0072B2"
VERMILLION = "#D55E00"
REDDISH_PURPLE = "#CC79A7"
