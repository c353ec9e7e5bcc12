0 BEGIN PGM OP20 MM
1 ; DRAFT
2 ; not approved: do not cut a part for a patient with this program
3 ; case 1, part 1
4 ; op20: outer side
5 ; machine: mill
6 ; stock: 100.0 x 80.0 x 20.0 mm, PEEK, ASTM F2026
7 ; zero preset 1: axis of the D8 pin, blank top face  x along the blank to the second pin, z up
8 ; units: mm, mm/min, 1/min
9 ; T11 ball end mill D6 R3 flutes 2 stick-out 40
10 STOP
11 BLK FORM 0.1 Z X-7.0000 Y-40.0000 Z-20.0000
12 BLK FORM 0.2 X+93.0000 Y+40.0000 Z+0.0000
13 CYCL DEF 247 DATUM SETTING ~
    Q339=+1          ;DATUM NUMBER
14 CYCL DEF 32.0 TOLERANCE
15 CYCL DEF 32.1 T0.005
16 M5
17 M9
18 L Z+0.0000 R0 FMAX M91
19 ; outer side
20 TOOL CALL 11 Z S8000
21 M3
22 M8
23 L Z+10.0000 R0 FMAX
24 L X-3.0000 Y+2.0000 R0 FMAX
25 L Z-0.7000 F300
26 L X-2.9999 Y-2.1235 Z-0.7001 F1200
27 L Z+10.0000 R0 FMAX
28 M5
29 M9
30 L Z+0.0000 R0 FMAX M91
31 M30
32 END PGM OP20 MM
