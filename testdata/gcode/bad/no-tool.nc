(line 5: no-tool: before a tool is in the spindle)
G21 G90 G94 G17
G54
S8000 M3
G0 X0.
G0 Z20.
M5
M30
