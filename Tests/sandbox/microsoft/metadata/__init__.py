"""The identity endpoints of Azure hosts: virtual machine, App Service, Azure Arc, Kubernetes."""
