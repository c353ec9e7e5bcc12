(line 10: rapid-through-stock: axes arrive one after the other)
G21 G90 G94 G17 G40 G49 G80
G54
T1 M6
G43 H1
S8000 M3
G0 Z20.
G0 X-5. Y4.
G0 Z-2.
G0 X25. Y4.1 Z38.
G0 Z20.
M5
M30
