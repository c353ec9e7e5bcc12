0 BEGIN PGM OP20 MM
1 ; DRAFT
2 ; not approved: do not cut a part for a patient with this program
3 ; case 1, part 1
4 ; op20: outer side
5 ; machine: mill
6 ; stock: 100.0 x 80.0 x 20.0 mm, PEEK, ASTM F2026
7 ; zero preset 1: axis of the D8 pin, blank top face  x along the blank to the second pin, z up
8 ; units: mm, mm/min, 1/min
9 ; T1 flat end mill D8 R0 flutes 2 stick-out 40
10 ; T11 ball end mill D6 R3 flutes 2 stick-out 40
11 STOP
12 BLK FORM 0.1 Z X-7.0000 Y-40.0000 Z-20.0000
13 BLK FORM 0.2 X+93.0000 Y+40.0000 Z+0.0000
14 CYCL DEF 247 DATUM SETTING ~
    Q339=+1          ;DATUM NUMBER
15 CYCL DEF 32.0 TOLERANCE
16 CYCL DEF 32.1 T0.005
17 M5
18 M9
19 L Z+0.0000 R0 FMAX M91
20 ; flip coupon, openings
21 TOOL CALL 1 Z S8000
22 M3
23 M9
24 L Z+10.0000 R0 FMAX
25 L X+0.0000 Y+0.0000 R0 FMAX
26 L Z-0.5000 F300
27 L Z+10.0000 R0 FMAX
28 ; flip coupon, probing, limit 20 um
29 M5
30 M9
31 L Z+0.0000 R0 FMAX M91
32 ; measure bore 1 D9 below its step: middle at X84.2346 Y30.0000
33 ; measure bore 2 D9 below its step: middle at X4.5000 Y-31.0000
34 ; and the plate through it: at Z-20.0000
35 ; beyond 20 um do not go on: seat the blank anew
36 STOP
37 ; outer side
38 TOOL CALL 11 Z S8000
39 M3
40 M8
41 L Z+10.0000 R0 FMAX
42 L X-3.0000 Y+2.0000 R0 FMAX
43 L Z-0.7000 F300
44 L X-2.9999 Y-2.1235 Z-0.7001 F1200
45 L Z+10.0000 R0 FMAX
46 M5
47 M9
48 L Z+0.0000 R0 FMAX M91
49 M30
50 END PGM OP20 MM
