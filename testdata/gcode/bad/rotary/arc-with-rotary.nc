(line 9: modal-clash: a rotary axis in the block of an arc)
G21 G90 G94 G17 G40 G49 G80
G54
T1 M6
G43 H1
S8000 M3
G0 Z60.
G0 X15. Y10.
G3 X20. Y15. I0. J5. C90. F300.
G0 Z60.
M5
M30
