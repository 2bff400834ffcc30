"""Files of the user as they come: in archives, in any encoding, as any of JSON's layouts. Shared by several stages."""
