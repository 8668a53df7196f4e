"""Speech: text becomes a WAV file in a short-lived process of its own. Nothing of the desk speaks yet.

`speech` is for the desk; `child` is the process, and the only file that knows pyttsx3: two of its engines in one
process can hang for ever, and a hang is cured by ending the process (promise P10).
"""
